import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, TrainerError } from '../../errors.ts';
import type { MetricsReport, Sample, StageContext, StageName, StageResult } from '../types.ts';
import type { Learner } from './learner.ts';
import { JsonLinesLog, replaceFile } from './run-files.ts';
import { type RunState, readRunState, removeRunState, writeRunState } from './run-state.ts';

const resultSchema = z.object({
  identity: z.string(),
  steps: z.int(),
  checkpoint: z.string(),
  metrics: z.record(z.string(), z.number()),
});

interface RunPlan {
  stage: StageName;
  /** Parsed, so that a default written out and a default left out are the same config. */
  config: Record<string, unknown>;
  /** Data files; a run does not go on when their content has changed. */
  inputs: string[];
  totalSteps: number;
  /** Steps between two saves of the state. */
  checkpointEvery: number;
  /** Steps between two kept checkpoints; 0 keeps none. */
  keepCheckpointEvery: number;
}

/** What goes into a run's state by itself, under its name: learners, and whatever else has weights to keep. */
export type Kept = Pick<Learner, 'name' | 'state' | 'restore'>;

/** What a stage does at the end of a step, besides reporting. */
export interface StepEnd {
  learners: readonly Kept[];
  /** What else the stage needs to go on, as JSON: cursors, coefficients. */
  extra?: unknown;
  /** Writes the model as a Hugging Face folder. */
  writeModel(folder: string, metrics: Record<string, number>): Promise<void>;
}

/**
 * A run folder, and everything that a stage does with it:
 *
 * - `state.json` with `state-N.safetensors`: the full state of the step saved last, replaced at once
 * - `metrics.jsonl`, `samples.jsonl`: one report a line, cut back to the resumed step
 * - `model/`: the finished model; `checkpoints/step-N/`: models kept on the way, or at an interruption
 * - `result.json`: written last; a run that holds it is done
 */
export class Run {
  /** The state that the run goes on from, if any. */
  readonly resumed: RunState | null;
  /** The result of an earlier call, when the very same run is already done. */
  readonly finished: StageResult | null;
  /** The last value of every metric. */
  readonly metrics: Record<string, number>;
  readonly #plan: RunPlan;
  readonly #context: StageContext;
  /** Which run it is: stage, config and hashes of the inputs, as canonical JSON. */
  readonly identity: string;
  #savedStep: number;
  readonly #metricsLog: JsonLinesLog;
  readonly #samplesLog: JsonLinesLog;

  private constructor(
    plan: RunPlan,
    context: StageContext,
    identity: string,
    resumed: RunState | null,
    finished: StageResult | null,
    metrics: Record<string, number>,
  ) {
    this.#plan = plan;
    this.#context = context;
    this.identity = identity;
    this.#savedStep = resumed?.step ?? 0;
    this.resumed = resumed;
    this.finished = finished;
    this.metrics = metrics;
    this.#metricsLog = new JsonLinesLog(join(context.runFolder, 'metrics.jsonl'));
    this.#samplesLog = new JsonLinesLog(join(context.runFolder, 'samples.jsonl'));
  }

  /**
   * Opens or resumes the run in the context's folder.
   *
   * @throws TrainerError when the folder holds a run of another stage, config or data, or a damaged state
   */
  static async open(plan: RunPlan, context: StageContext): Promise<Run> {
    mkdirSync(context.runFolder, { recursive: true });
    const identity = await identityOf(plan);
    const finished = readResult(context.runFolder, identity);
    if (finished) return new Run(plan, context, identity, null, finished, finished.metrics);

    const state = readRunState(context.runFolder);
    if (state) requireSameIdentity(context.runFolder, state.identity, identity);
    const run = new Run(plan, context, identity, state, null, { ...state?.metrics });
    run.#metricsLog.keepUpTo(state?.step ?? -1);
    run.#samplesLog.keepUpTo(state?.step ?? -1);
    if (state) context.onMessage(`Resumed from step ${state.step} of ${plan.totalSteps}.`);
    return run;
  }

  /** The step to do next, from 1. */
  get nextStep(): number {
    return (this.resumed?.step ?? 0) + 1;
  }

  /** The last step that the state on disk contains; 0 before there is one. */
  get savedStep(): number {
    return this.#savedStep;
  }

  message(line: string): void {
    this.#context.onMessage(line);
  }

  /** Reports a step's numbers: to the caller, and as a line of metrics.jsonl. */
  async report(step: number, values: Record<string, number>): Promise<void> {
    Object.assign(this.metrics, values);
    const report: MetricsReport = { step, totalSteps: this.#plan.totalSteps, values };
    this.#metricsLog.append({ step, ...values });
    await this.#context.onMetrics(report);
  }

  async reportSamples(step: number, samples: Sample[]): Promise<void> {
    if (samples.length === 0) return;
    this.#samplesLog.append({ step, samples });
    await this.#context.onSamples({ step, samples });
  }

  /** Gives learners their weights and moments back, when the run goes on from a state. */
  restore(learners: readonly Kept[]): void {
    if (!this.resumed) return;
    for (const learner of learners) {
      learner.restore(this.resumed.optimizerSteps[learner.name] ?? 0, this.resumed.tensors);
    }
  }

  /**
   * Ends a step: saves the state when that is due or the run is interrupted, keeps a checkpoint when that is due, and
   * writes the finished model after the last step.
   *
   * @returns the stage's result when it is to stop here, otherwise null
   */
  async endStep(step: number, end: StepEnd): Promise<StageResult | null> {
    const { learners, extra = null, writeModel } = end;
    const { totalSteps, checkpointEvery, keepCheckpointEvery } = this.#plan;
    if (step === totalSteps) {
      // No state is saved: a kill from here on redoes the steps since the last one, and ends the same.
      await writeModel(this.#folder('model'), this.metrics);
      await this.#context.beforeSave?.();
      return this.#complete();
    }
    if (this.#context.signal.aborted) return await this.interrupt(step, end);
    if (step % checkpointEvery === 0) {
      await this.#context.beforeSave?.();
      await this.#save(step, learners, extra);
    }
    if (keepCheckpointEvery > 0 && step % keepCheckpointEvery === 0) {
      await writeModel(this.#folder(join('checkpoints', `step-${step}`)), this.metrics);
    }
    return null;
  }

  /**
   * Saves the state and a checkpoint where the run was interrupted.
   *
   * @param step finished last; 0 before the first
   * @param within how far the next step has come, where the weights are no longer those of `step`: "minibatch-3"
   */
  async interrupt(
    step: number,
    { learners, extra = null, writeModel }: StepEnd,
    within?: string,
  ): Promise<StageResult> {
    const { totalSteps } = this.#plan;
    await this.#context.beforeSave?.();
    await this.#save(step, learners, extra);
    const suffix = within === undefined ? '' : `-${within}`;
    const checkpoint = this.#folder(join('checkpoints', `step-${step}${suffix}`));
    await writeModel(checkpoint, this.metrics);
    this.message(
      within === undefined
        ? `Interrupted after step ${step} of ${totalSteps}; the state is saved.`
        : `Interrupted in step ${step + 1} of ${totalSteps}, after ${within.replace('-', ' ')}; the state is saved.`,
    );
    return {
      status: 'interrupted',
      checkpoint,
      metrics: this.metrics,
      resumedFrom: this.resumed?.step ?? null,
    };
  }

  async #save(step: number, learners: readonly Kept[], extra: unknown): Promise<void> {
    const state: RunState = {
      identity: this.identity,
      step,
      metrics: this.metrics,
      optimizerSteps: {},
      extra,
      tensors: new Map(),
    };
    for (const learner of learners) {
      const { steps, tensors } = await learner.state();
      state.optimizerSteps[learner.name] = steps;
      for (const [name, tensor] of tensors) state.tensors.set(name, tensor);
    }
    writeRunState(this.#context.runFolder, state);
    this.#savedStep = step;
  }

  /** Notes that the run is done: from now on, opening it gives this result. */
  #complete(): StageResult {
    const metrics = Object.fromEntries(
      Object.entries(this.metrics).filter(([, value]) => Number.isFinite(value)),
    );
    const result = {
      identity: this.identity,
      steps: this.#plan.totalSteps,
      checkpoint: 'model',
      metrics,
    };
    replaceFile(this.#folder('result.json'), `${JSON.stringify(result, null, 2)}\n`);
    removeRunState(this.#context.runFolder);
    return {
      status: 'completed',
      checkpoint: this.#folder('model'),
      metrics,
      resumedFrom: this.resumed?.step ?? null,
    };
  }

  #folder(name: string): string {
    return join(this.#context.runFolder, name);
  }
}

/** Stage, config and the hashes of the data as one canonical text: equal texts, the same run. */
async function identityOf({ stage, config, inputs }: RunPlan): Promise<string> {
  const hashes: Record<string, string> = {};
  for (const file of inputs) hashes[file] = await hashFile(file);
  return JSON.stringify({ stage, config: sortKeys(config), inputs: hashes });
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (cause) {
    throw new TrainerError(`Cannot read ${file} (${messageOf(cause)}).`, { cause });
  }
  return hash.digest('hex');
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => [key, sortKeys(entry)]),
  );
}

const identitySchema = z.object({
  stage: z.string(),
  config: z.record(z.string(), z.unknown()),
  inputs: z.record(z.string(), z.string()),
});

/** @throws TrainerError that names the first thing in which two runs differ */
function requireSameIdentity(folder: string, found: string, expected: string): void {
  if (found === expected) return;
  const before = identitySchema.parse(JSON.parse(found));
  const now = identitySchema.parse(JSON.parse(expected));
  const end = 'Use another folder, or the settings and data that it began with.';
  if (before.stage !== now.stage) {
    throw new TrainerError(`${folder} holds a ${before.stage} run, not a ${now.stage} run. ${end}`);
  }
  for (const key of new Set([...Object.keys(before.config), ...Object.keys(now.config)])) {
    const one = JSON.stringify(before.config[key]);
    const other = JSON.stringify(now.config[key]);
    if (one !== other) {
      throw new TrainerError(
        `${folder} holds a run with another config: "${key}" was ${one} and is now ${other}. ${end}`,
      );
    }
  }
  const changed = Object.keys(now.inputs).find((file) => before.inputs[file] !== now.inputs[file]);
  throw new TrainerError(`${folder} holds a run on other data: ${changed} has changed since. ${end}`);
}

function readResult(folder: string, identity: string): StageResult | null {
  const file = join(folder, 'result.json');
  if (!existsSync(file)) return null;
  let stored: z.infer<typeof resultSchema>;
  try {
    stored = resultSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new TrainerError(`${file} is not a result of a run; delete the folder or use another one.`, {
      cause,
    });
  }
  requireSameIdentity(folder, stored.identity, identity);
  return {
    status: 'completed',
    checkpoint: join(folder, stored.checkpoint),
    metrics: stored.metrics,
    resumedFrom: stored.steps,
  };
}
