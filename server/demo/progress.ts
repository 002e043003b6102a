import { MultiBar, type SingleBar } from 'cli-progress';

/** One thing that is under way. */
export interface StageProgress {
  name: string;
  done: number;
  /** Null while it is not known how much there is. */
  total: number | null;
  unit: string;
  /** Tokens a second, where the stage reports them. */
  tokensPerSecond: number | null;
}

/** Shows how far the stages are: bars on a terminal, plain lines elsewhere. */
export interface ProgressDisplay {
  update(stage: StageProgress): void;
  /** A stage that is over. */
  finish(name: string, seconds: number): void;
  /** A sentence, above the bars. */
  say(line: string): void;
  stop(): void;
}

const PLAIN_SECONDS = 5;

/** @param stream where it is shown; its being a terminal decides the form */
export function createProgress(stream: NodeJS.WriteStream = process.stdout): ProgressDisplay {
  return stream.isTTY ? new Bars(stream) : new PlainLines(stream);
}

const rate = (tokensPerSecond: number | null): string =>
  tokensPerSecond === null ? '' : `${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s`;

class Bars implements ProgressDisplay {
  readonly #bars: MultiBar;
  readonly #byName = new Map<string, SingleBar>();
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#bars = new MultiBar({
      stream,
      hideCursor: true,
      format: ' {name} {bar} {value}/{total} {unit}  {rate}  ETA {eta_formatted}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 28,
      etaBuffer: 20,
      // The first drawings have no pace yet, and the library's ETA is then no number.
      formatTime: (seconds) => (Number.isFinite(seconds) ? `${Math.round(seconds)} s` : '–'),
      emptyOnZero: true,
    });
  }

  update(stage: StageProgress): void {
    const total = stage.total ?? 0;
    let bar = this.#byName.get(stage.name);
    if (!bar) {
      bar = this.#bars.create(total, stage.done, payload(stage));
      this.#byName.set(stage.name, bar);
    }
    if (bar.getTotal() !== total) bar.setTotal(total);
    bar.update(stage.done, payload(stage));
  }

  finish(name: string, seconds: number): void {
    const bar = this.#byName.get(name);
    if (!bar) return;
    bar.update(bar.getTotal(), { rate: `${seconds.toFixed(1)} s` });
    bar.stop();
  }

  say(line: string): void {
    // Lines are logged with the next drawing of the bars: while there are none, nothing would be drawn.
    if (this.#byName.size === 0) this.#stream.write(`${line}\n`);
    else {
      this.#bars.log(`${line}\n`);
      this.#bars.update();
    }
  }

  stop(): void {
    this.#bars.stop();
  }
}

const payload = (stage: StageProgress): Record<string, string> => ({
  name: stage.name.padEnd(15),
  unit: stage.unit,
  rate: rate(stage.tokensPerSecond),
});

class PlainLines implements ProgressDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #lastShown = new Map<string, { at: number; done: number }>();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update(stage: StageProgress): void {
    const last = this.#lastShown.get(stage.name);
    const now = performance.now();
    if (last && (now - last.at < PLAIN_SECONDS * 1000 || last.done === stage.done)) return;
    const first = this.#lastShown.get(stage.name) ?? { at: now, done: stage.done };
    this.#lastShown.set(stage.name, { at: now, done: stage.done });
    const of = stage.total === null ? '' : ` of ${stage.total}`;
    const speed = stage.tokensPerSecond === null ? '' : `, ${rate(stage.tokensPerSecond)}`;
    const eta = etaOf(stage, first, now);
    this.say(`${stage.name}: ${stage.done}${of} ${stage.unit}${speed}${eta}`);
  }

  finish(name: string, seconds: number): void {
    this.say(`${name}: done in ${seconds.toFixed(1)} s`);
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  stop(): void {}
}

/** What remains, by the pace since the line before. */
function etaOf(stage: StageProgress, last: { at: number; done: number }, now: number): string {
  const pace = (stage.done - last.done) / ((now - last.at) / 1000);
  if (stage.total === null || !(pace > 0) || stage.done >= stage.total) return '';
  return `, ${Math.ceil((stage.total - stage.done) / pace)} s left`;
}
