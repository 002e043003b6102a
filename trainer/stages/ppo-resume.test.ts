import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import { stopAt } from './testing/stops.ts';
import {
  letterTokenizer,
  recordingContext,
  stepsInLog,
  temporaryFolder,
  tinyModel,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';
import type { MetricsReport, SamplesReport, StageContext } from './types.ts';

const { folder, remove } = temporaryFolder();
let config: PpoInput;

/** How a run went on whose every piece is compared. */
interface Outcome {
  reports: MetricsReport[];
  samples: SamplesReport[];
  weights: Map<string, Float32Array>[];
}

let whole: Outcome;

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1);
  const reward = ScalarModel.fromLanguageModel(model, 2);
  const documents = Array.from({ length: 24 }, (_, i) => ({
    text: `${'abcdefgh'.repeat(3).slice(i % 8)} ${'hag bead '.repeat(1 + (i % 5))}`,
  }));
  // Everything that has something to resume is on: average, pretraining data, adaptive β, value warm-up, early
  // stopping (the policy rests from the third minibatch on), parts of rollouts.
  config = {
    seed: 11,
    model: await writeTiny(join(folder, 'sft'), model, tokenizer),
    reward: await writeTiny(join(folder, 'reward'), reward, tokenizer, {
      stage: 'reward',
      rewardGain: 2,
      rewardBias: -0.5,
    }),
    prompts: writeLines(
      folder,
      'prompts.jsonl',
      ['a', 'bc', 'def', 'g', 'ha'].map((prompt) => ({ prompt })),
    ),
    iterations: 2,
    batchSize: 6,
    rolloutBatchSize: 4,
    minibatches: 2,
    epochs: 2,
    maxNewTokens: 5,
    learningRate: 3e-3,
    valueLearningRate: 3e-3,
    valueWarmupIterations: 1,
    betaMode: 'adaptive',
    klTarget: 0.01,
    klHorizon: 50,
    ptxSources: [
      { path: writeLines(folder, 'documents.jsonl', documents.slice(0, 12)), weight: 2 },
      { path: writeLines(folder, 'more.jsonl', documents.slice(12)) },
    ],
    ptxRowsPerEpisode: 1,
    ptxRowLength: 16,
    emaDecay: 0.9,
    earlyStopKl: 1e-9,
    checkpointEvery: 1,
    samplePrompts: ['a'],
    sampleEvery: 2,
    sampleTokens: 4,
  };
  model.dispose();
  reward.dispose();
  whole = await runFrom('whole');
});
afterAll(remove);

/** Runs, or goes on, to the end, and gives the reports and samples of this call with the weights of the whole run. */
async function runFrom(name: string, more: Partial<PpoInput> = {}): Promise<Outcome> {
  const recording = recordingContext(join(folder, name));
  const { status, checkpoint } = await runStage('ppo', { ...config, ...more }, recording.context);
  expect(status).toBe('completed');
  return {
    reports: withoutTimes(recording.reports),
    samples: recording.samples,
    weights: [weightsOf(checkpoint), weightsOf(`${checkpoint}-ema`)],
  };
}

/** The metrics that a run's folder tells, without what a clock says. */
function logOf(name: string): MetricsReport[] {
  const lines = readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const reports = lines.map((line): MetricsReport => {
    const { step, ...values } = JSON.parse(line) as { step: number } & Record<string, number>;
    return { step, totalSteps: 2, values };
  });
  return withoutTimes(reports);
}

describe('an interrupted run of PPO', () => {
  it('aborted at every single look, in rollout, scoring and between minibatches, ends as the uninterrupted one', async () => {
    const places = new Set<string>();
    for (let look = 1; ; look++) {
      const name = `abort-${look}`;
      const recording = recordingContext(join(folder, name));
      const stops = stopAt(recording.context, look, 'abort');
      const { status, checkpoint } = await runStage('ppo', config, stops.context);
      if (status === 'completed') break;
      places.add(checkpoint.slice(checkpoint.lastIndexOf('step-')));
      expect(existsSync(join(checkpoint, 'model.safetensors'))).toBe(true);
      const rest = await runFrom(name);
      expect([...withoutTimes(recording.reports), ...rest.reports]).toEqual(whole.reports);
      expect([...recording.samples, ...rest.samples]).toEqual(whole.samples);
      expect(rest.weights).toEqual(whole.weights);
      expect(existsSync(join(folder, name, 'rollouts'))).toBe(false);
    }
    // In a rollout or before the first minibatch the weights are those of a whole step; later they are not.
    expect([...places].sort()).toEqual([
      'step-0',
      'step-0-minibatch-1',
      'step-0-minibatch-2',
      'step-0-minibatch-3',
      'step-1',
      'step-1-minibatch-1',
      'step-1-minibatch-2',
      'step-1-minibatch-3',
    ]);
  }, 240_000);

  it('crashed at every seventh look replays minibatches on the rollouts that it kept, and ends as the uninterrupted one', async () => {
    // Never a saved state: a crash in the second iteration replays the update of the first.
    const settings = { checkpointEvery: 2 };
    for (let look = 2; ; look += 7) {
      const name = `crash-${look}`;
      const { context } = recordingContext(join(folder, name));
      const stops = stopAt(context, look, 'crash');
      const ended = await runStage('ppo', { ...config, ...settings }, stops.context).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ message: 'crashed' });
          return false;
        },
      );
      if (ended) break;
      const rest = await runFrom(name, settings);
      expect(rest.weights).toEqual(whole.weights);
      expect(logOf(name)).toEqual(whole.reports);
    }
  }, 240_000);

  it('aborted again and again goes on from where it was, and ends as the uninterrupted one', async () => {
    const reports: MetricsReport[] = [];
    let calls = 0;
    for (let status = 'interrupted'; status === 'interrupted'; calls++) {
      const recording = recordingContext(join(folder, 'again'));
      // Enough looks for the longest piece that is not kept in the middle: one part of a rollout.
      const stops = stopAt(recording.context, 16, 'abort');
      ({ status } = await runStage('ppo', config, stops.context));
      reports.push(...withoutTimes(recording.reports));
    }
    expect(calls).toBeGreaterThan(2);
    expect(reports).toEqual(whole.reports);
    expect(weightsOf(join(folder, 'again', 'model'))).toEqual(whole.weights[0]);
    expect(weightsOf(join(folder, 'again', 'model-ema'))).toEqual(whole.weights[1]);
  });

  it('killed while its state is written goes on from the state before', async () => {
    const name = 'writing';
    const recording = recordingContext(join(folder, name));
    const crash = (): void => {
      throw new Error('killed');
    };
    // The very first save, at step 1, is not begun.
    await expect(runStage('ppo', config, { ...recording.context, beforeSave: crash })).rejects.toThrow(
      'killed',
    );
    expect(existsSync(join(folder, name, 'state.json'))).toBe(false);
    expect(readdirSync(join(folder, name, 'rollouts'))).toHaveLength(2);
    // A tensors file and a temporary state that a kill cut short: nothing names them.
    writeFileSync(join(folder, name, 'state-1.safetensors'), 'half');
    writeFileSync(join(folder, name, 'state.json.1.tmp'), '{"version":');
    writeFileSync(join(folder, name, 'rollouts', 'x.safetensors.1.tmp'), 'half');
    const rest = await runFrom(name);
    expect(rest.weights).toEqual(whole.weights);
    expect(logOf(name)).toEqual(whole.reports);
  });

  it('saved twice at one step keeps the older state whole until the newer one is named', async () => {
    const name = 'twice';
    for (const look of [3, 3]) {
      const stops = stopAt(recordingContext(join(folder, name)).context, look, 'abort');
      await runStage('ppo', config, stops.context);
    }
    // Step 0 both times: the second file has a name of its own, and the first is gone since.
    const files = readdirSync(join(folder, name)).filter((file) => file.startsWith('state-'));
    expect(files).toEqual(['state-0-2.safetensors']);
    expect((await runFrom(name)).weights).toEqual(whole.weights);
  });

  it('reads a finished part of a rollout back instead of writing it again', async () => {
    const name = 'reads';
    const first = stopAt(recordingContext(join(folder, name)).context, 1_000_000, 'crash');
    const crashing: StageContext = {
      ...first.context,
      onMetrics: () => {
        throw new Error('killed');
      },
    };
    await expect(runStage('ppo', config, crashing)).rejects.toThrow('killed');
    const looks = first.looks();
    // The same again: all that is left to do before the first report are the 4 minibatches.
    const second = stopAt(recordingContext(join(folder, name)).context, 1_000_000, 'crash');
    await expect(runStage('ppo', config, { ...crashing, signal: second.context.signal })).rejects.toThrow(
      'killed',
    );
    expect(looks).toBeGreaterThan(12);
    expect(second.looks()).toBe(4);
  });

  it('takes no rollout of a run with other settings that was begun in the same folder', async () => {
    const name = 'other';
    const stops = stopAt(recordingContext(join(folder, name)).context, 18, 'crash');
    await expect(runStage('ppo', { ...config, seed: 12 }, stops.context)).rejects.toThrow('crashed');
    expect(readdirSync(join(folder, name, 'rollouts')).length).toBeGreaterThan(0);
    expect((await runFrom(name)).weights).toEqual(whole.weights);
  });

  it('says so when the rollout that it was learning from is gone', async () => {
    let name = '';
    for (let look = 12, checkpoint = ''; !checkpoint.endsWith('minibatch-1'); look++) {
      name = `gone-${look}`;
      const stops = stopAt(recordingContext(join(folder, name)).context, look, 'abort');
      ({ checkpoint } = await runStage('ppo', config, stops.context));
    }
    rmSync(join(folder, name, 'rollouts'), { recursive: true });
    await expect(runFrom(name)).rejects.toThrow('The rollout of iteration 1 is gone');
  });

  it('refuses to go on with other weights of the reference or the reward model', async () => {
    const tokenizer = letterTokenizer();
    const own = join(folder, 'own-sft');
    mkdirSync(own);
    for (const seed of [1, 3]) {
      const model = tinyModel(tokenizer, seed);
      await writeTiny(own, model, tokenizer);
      model.dispose();
      const { context } = recordingContext(join(folder, 'weights'), 1);
      const run = runStage('ppo', { ...config, model: own }, context);
      if (seed === 1) expect((await run).status).toBe('interrupted');
      else await expect(run).rejects.toThrow(/own-sft.model\.safetensors has changed since/);
    }
  });

  it('killed as a process (SIGKILL) at random moments and started again, ends as the uninterrupted one', async () => {
    const executable = fileURLToPath(new URL('../bin/touchstone.mjs', import.meta.url));
    const file = join(folder, 'killed.json');
    writeFileSync(file, JSON.stringify(config));
    const random = new Random(Date.now());
    const out = join(folder, 'killed');
    const start = (killed: boolean): Promise<number | null> =>
      new Promise((resolve, reject) => {
        const args = ['ppo', '--config', file, '--out', out, '--resume'];
        const child = spawn(process.execPath, [executable, ...args], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let timer: NodeJS.Timeout | undefined;
        child.stdout.on('data', () => {
          // Counted from the first line on, so that the kill falls into the work and not into the start.
          if (killed) timer ??= setTimeout(() => child.kill('SIGKILL'), 20 + random.integer(400));
        });
        child.on('error', reject);
        child.on('close', (code) => {
          clearTimeout(timer);
          resolve(code);
        });
      });
    for (let kill = 0; kill < 2; kill++) await start(true);
    expect(await start(false)).toBe(0);
    expect(weightsOf(join(out, 'model'))).toEqual(whole.weights[0]);
    expect(weightsOf(join(out, 'model-ema'))).toEqual(whole.weights[1]);
    expect(logOf('killed')).toEqual(whole.reports);
    expect(stepsInLog(out)).toEqual([1, 2]);
  }, 180_000);
});
