import { SingleBar } from 'cli-progress';
import type { MetricsReport, SamplesReport } from '../stages/types.ts';

/** Where a stage is watched: what it reports, and what it says. */
export interface Progress {
  report(report: MetricsReport): void;
  samples(report: SamplesReport): void;
  line(text: string): void;
  stop(): void;
}

/** How progress is shown. */
export interface ProgressOptions {
  /** JSON lines on the output, each with a `type`, and nothing else there. */
  json?: boolean | undefined;
  /** Nothing until the end. */
  quiet?: boolean | undefined;
}

/** The numbers that tell best how a stage goes, the first that it reports, and their names for people. */
const headlines: [metric: string, label: string][] = [
  ['rewardMean', 'reward'],
  ['accuracy', 'accuracy'],
  ['loss', 'loss'],
];

/** A bar with speed and remaining time on a terminal; elsewhere a plain line every few seconds; JSON lines where asked for. */
export function createProgress(
  stage: string,
  output: NodeJS.WriteStream,
  options: ProgressOptions = {},
): Progress {
  if (options.quiet) return new NoProgress();
  if (options.json) return new JsonProgress(stage, output);
  return output.isTTY ? new BarProgress(stage, output) : new LineProgress(stage, output);
}

function headlineOf(values: Record<string, number>): string {
  for (const [metric, label] of headlines) {
    const value = values[metric];
    if (value !== undefined) return `${label} ${value.toFixed(3)}`;
  }
  return '';
}

/** Samples as lines for people. */
function linesOf({ step, samples }: SamplesReport): string[] {
  return samples.map(({ prompt, completion, reward }) => {
    const score = reward === undefined ? '' : `  (reward ${reward.toFixed(2)})`;
    return `step ${step}  ${JSON.stringify(prompt)} → ${JSON.stringify(completion)}${score}`;
  });
}

/** Remaining time, from the steps done since this process began: a resumed run did not do the earlier ones. */
class Clock {
  #began = performance.now();
  #first: number | null = null;

  remaining({ step, totalSteps }: MetricsReport): string {
    this.#first ??= step - 1;
    const perStep = (performance.now() - this.#began) / (step - this.#first);
    const seconds = Math.round(((totalSteps - step) * perStep) / 1000);
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  }
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #output: NodeJS.WriteStream;
  readonly #clock = new Clock();
  #started = false;

  constructor(stage: string, output: NodeJS.WriteStream) {
    this.#output = output;
    this.#bar = new SingleBar({
      format: `${stage} [{bar}] {value}/{total}  {headline}  {speed} tokens/s  {left} left`,
      stream: output,
      hideCursor: true,
      barsize: 30,
    });
  }

  report(report: MetricsReport): void {
    const payload = {
      headline: headlineOf(report.values),
      speed: Math.round(report.values.tokensPerSecond ?? 0),
      left: this.#clock.remaining(report),
    };
    if (!this.#started) this.#bar.start(report.totalSteps, report.step, payload);
    else this.#bar.update(report.step, payload);
    this.#started = true;
  }

  samples(report: SamplesReport): void {
    for (const line of linesOf(report)) this.line(line);
  }

  line(text: string): void {
    // The bar draws itself anew below the line.
    if (this.#started) this.#output.write('\r\u001b[K');
    this.#output.write(`${text}\n`);
  }

  stop(): void {
    if (this.#started) this.#bar.stop();
  }
}

class LineProgress implements Progress {
  readonly #stage: string;
  readonly #output: NodeJS.WriteStream;
  readonly #clock = new Clock();
  #last = Number.NEGATIVE_INFINITY;

  constructor(stage: string, output: NodeJS.WriteStream) {
    this.#stage = stage;
    this.#output = output;
  }

  report(report: MetricsReport): void {
    const { step, totalSteps, values } = report;
    const left = this.#clock.remaining(report);
    const now = performance.now();
    if (now - this.#last < 5000 && step !== totalSteps) return;
    this.#last = now;
    const speed = Math.round(values.tokensPerSecond ?? 0);
    this.line(`${this.#stage} ${step}/${totalSteps}  ${headlineOf(values)}  ${speed} tokens/s  ${left} left`);
  }

  samples(report: SamplesReport): void {
    for (const line of linesOf(report)) this.line(line);
  }

  line(text: string): void {
    this.#output.write(`${text}\n`);
  }

  stop(): void {}
}

/** For programs: every report as a line, with the same names as in the run's files. */
class JsonProgress implements Progress {
  readonly #stage: string;
  readonly #output: NodeJS.WriteStream;

  constructor(stage: string, output: NodeJS.WriteStream) {
    this.#stage = stage;
    this.#output = output;
  }

  report({ step, totalSteps, values }: MetricsReport): void {
    this.#write({ type: 'metrics', stage: this.#stage, step, totalSteps, ...values });
  }

  samples({ step, samples }: SamplesReport): void {
    this.#write({ type: 'samples', stage: this.#stage, step, samples });
  }

  line(text: string): void {
    this.#write({ type: 'message', stage: this.#stage, text });
  }

  stop(): void {}

  #write(value: unknown): void {
    this.#output.write(`${JSON.stringify(value)}\n`);
  }
}

class NoProgress implements Progress {
  report(): void {}
  samples(): void {}
  line(): void {}
  stop(): void {}
}
