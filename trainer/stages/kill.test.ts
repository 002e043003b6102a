import { spawn } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { runStage } from './index.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const PATIENCE_MILLISECONDS = 180_000;
const { folder, remove } = temporaryFolder();
const stages = ['pretrain', 'sft', 'reward'] as const;
let configs: Record<(typeof stages)[number], Record<string, unknown>>;

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = letterTokenizer();
  const start = tinyModel(tokenizer, 1);
  const model = await writeTiny(join(folder, 'start'), start, tokenizer);
  start.dispose();
  const letters = [...'abcdefgh'];
  const documents = letters.map((letter) => ({ text: `ab cde ${letter}.` }));
  const demonstrations = letters.map((letter) => ({ prompt: letter, completion: `${letter}b` }));
  const rankings = letters.map((prompt) => ({ prompt, completions: ['a', 'bc', 'def'], ranks: [1, 2, 2] }));
  const common = { seed: 5, batchSize: 2, dropout: 0.1, learningRate: 3e-3, validationFraction: 0 };
  configs = {
    pretrain: {
      ...common,
      sources: [{ path: writeLines(folder, 'documents.jsonl', documents) }],
      tokenizer: model,
      context: 16,
      width: 16,
      layers: 1,
      heads: 2,
      steps: 24,
      warmupSteps: 4,
      checkpointEvery: 3,
      samplePrompts: ['ab'],
      sampleEvery: 5,
      sampleTokens: 3,
    },
    sft: {
      ...common,
      model,
      demonstrations: writeLines(folder, 'demonstrations.jsonl', demonstrations),
      epochs: 6,
      checkpointEvery: 1,
      lora: { rank: 2, dropout: 0.1 },
      gradientCheckpointing: true,
    },
    reward: {
      ...common,
      model,
      rankings: writeLines(folder, 'rankings.jsonl', rankings),
      epochs: 6,
      microBatchSize: 1,
      checkpointEvery: 2,
      keepCheckpointEvery: 5,
    },
  };
});
afterAll(remove);

/** Runs every stage in one process until it has reported so many steps in all; then the process is killed. */
async function runAndKill(name: string, afterSteps: number): Promise<number> {
  const script = fileURLToPath(new URL('./testing/run-stages.ts', import.meta.url));
  const runs = stages.map((stage) => ({ stage, config: configs[stage], folder: join(folder, name, stage) }));
  const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(runs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let steps = 0;
  for await (const _ of createInterface({ input: child.stdout })) {
    steps += 1;
    if (steps === afterSteps) child.kill('SIGKILL');
  }
  return steps;
}

/** Runs a stage to its end in this process. */
function finish(name: string, stage: (typeof stages)[number]) {
  return runStage(stage, configs[stage], recordingContext(join(folder, name, stage)).context);
}

const lineSchema = z.record(z.string(), z.unknown());

/** What a run reported, without what a clock says. */
function logged(runFolder: string, file = 'metrics.jsonl'): Record<string, unknown>[] {
  const lines = readFileSync(join(runFolder, file), 'utf8').trimEnd().split('\n');
  return lines.map((line) =>
    Object.fromEntries(
      Object.entries(lineSchema.parse(JSON.parse(line))).filter(([key]) => key !== 'tokensPerSecond'),
    ),
  );
}

describe('a run that was killed', () => {
  it(
    'at random steps, again and again, ends with the loss curve and the weights of the uninterrupted one, bit for bit',
    async () => {
      const random = new Random(Date.now() % 1_000_000);
      const kills: number[] = [];
      for (let attempt = 0; attempt < 3; attempt++) {
        kills.push(5 + random.integer(18));
        await runAndKill('killed', kills[attempt] ?? 5);
      }
      for (const stage of stages) {
        const expected = await finish('whole', stage);
        const result = await finish('killed', stage);
        const where = `${stage}, killed after ${kills.join(', ')} steps`;
        const [whole, killed] = [join(folder, 'whole', stage), join(folder, 'killed', stage)];
        expect(logged(killed), where).toEqual(logged(whole));
        expect(weightsOf(result.checkpoint), where).toEqual(weightsOf(expected.checkpoint));
        // Nothing half-written is left, and nothing is missing.
        expect(readdirSync(killed).sort()).toEqual(readdirSync(whole).sort());
      }
      const samples = (name: string) => logged(join(folder, name, 'pretrain'), 'samples.jsonl');
      expect(samples('killed')).toEqual(samples('whole'));
    },
    PATIENCE_MILLISECONDS,
  );

  it('while it wrote its state, or a line of its metrics, goes on from the state before', async () => {
    const stage = 'sft';
    const whole = await finish('written', stage);
    const runFolder = join(folder, 'torn', stage);
    const first = recordingContext(runFolder, 4);
    await runStage(stage, configs[stage], first.context);
    // What a kill leaves in the middle of writing: new tensors that state.json does not name yet, the beginnings of
    // state.json and of a model under temporary names, and half a line.
    const tensors = readFileSync(join(runFolder, 'state-4.safetensors'));
    writeFileSync(join(runFolder, 'state-5.safetensors'), tensors.subarray(0, tensors.length / 2));
    writeFileSync(join(runFolder, 'state.json.4711.tmp'), '{"version":1,"tensorsFile":"state-5');
    appendFileSync(join(runFolder, 'metrics.jsonl'), '{"step":5,"loss":1.0}\n{"step":6,"lo');
    const result = await finish('torn', stage);
    expect(result.resumedFrom).toBe(4);
    expect(logged(runFolder)).toEqual(logged(join(folder, 'written', stage)));
    expect(weightsOf(result.checkpoint)).toEqual(weightsOf(whole.checkpoint));
    expect(readdirSync(runFolder).sort()).toEqual(
      [...readdirSync(join(folder, 'written', stage)), 'checkpoints'].sort(),
    );
  });
});
