import { SingleBar } from 'cli-progress';
import type { MetricsReport } from '../stages/types.ts';

/** Where the progress of a stage is shown. */
export interface Progress {
  report(report: MetricsReport): void;
  line(text: string): void;
  stop(): void;
}

/** The number that tells best how a stage goes, and its name for people. */
const headline: Record<string, [metric: string, label: string]> = {
  pretrain: ['loss', 'loss'],
  sft: ['loss', 'loss'],
  reward: ['accuracy', 'accuracy'],
  ppo: ['rewardMean', 'reward'],
  dpo: ['accuracy', 'accuracy'],
};

/** A bar with speed and remaining time on a terminal; elsewhere a plain line every few seconds. */
export function createProgress(stage: string, output: NodeJS.WriteStream): Progress {
  return output.isTTY ? new BarProgress(stage, output) : new LineProgress(stage, output);
}

function headlineOf(stage: string, values: Record<string, number>): string {
  const [metric, label] = headline[stage] ?? ['loss', 'loss'];
  const value = values[metric];
  return value === undefined ? '' : `${label} ${value.toFixed(3)}`;
}

/** Remaining time, from the steps done since this process began: a resumed run did not do the earlier ones. */
class Clock {
  #began = performance.now();
  #first: number | null = null;

  remaining({ step, totalSteps }: MetricsReport): string {
    this.#first ??= step - 1;
    const perStep = (performance.now() - this.#began) / (step - this.#first);
    const seconds = Math.round(((totalSteps - step) * perStep) / 1000);
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #stage: string;
  readonly #output: NodeJS.WriteStream;
  readonly #clock = new Clock();
  #started = false;

  constructor(stage: string, output: NodeJS.WriteStream) {
    this.#stage = stage;
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
      headline: headlineOf(this.#stage, report.values),
      speed: Math.round(report.values.tokensPerSecond ?? 0),
      left: this.#clock.remaining(report),
    };
    if (!this.#started) this.#bar.start(report.totalSteps, report.step, payload);
    else this.#bar.update(report.step, payload);
    this.#started = true;
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
    this.line(
      `${this.#stage} ${step}/${totalSteps}  ${headlineOf(this.#stage, values)}  ${speed} tokens/s  ${left} left`,
    );
  }

  line(text: string): void {
    this.#output.write(`${text}\n`);
  }

  stop(): void {}
}
