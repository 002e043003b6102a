import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { sampleCompletions } from '../evaluation/sample.ts';
import { runStage } from './index.ts';
import type { SftInput } from './sft.config.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
let config: SftInput;

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1, { width: 32 });
  const parent = await writeTiny(join(folder, 'parent'), model, tokenizer);
  model.dispose();
  // The letter after the one asked for: "a" → "b", "h" → "a".
  const demonstrations = letters.map((letter, i) => ({ prompt: letter, completion: letters[(i + 1) % 8] }));
  config = {
    seed: 3,
    model: parent,
    demonstrations: writeLines(folder, 'demonstrations.jsonl', demonstrations),
    validationFraction: 0,
    epochs: 4,
    batchSize: 4,
    learningRate: 1e-2,
    dropout: 0.1,
    checkpointEvery: 3,
  };
});
afterAll(remove);

async function run(name: string, more: Partial<SftInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('sft', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

describe('sft', () => {
  it('teaches "next letter" with its end: greedy completions are right and stop', async () => {
    const { result, reports } = await run('learns', { epochs: 150, dropout: 0, batchSize: 8 });
    expect(reports).toHaveLength(150);
    const completions = await sampleCompletions(result.checkpoint, letters, {
      maxNewTokens: 6,
      temperature: 0,
      seed: 1,
    });
    expect(completions.map(([own]) => own?.text)).toEqual(['b', 'c', 'd', 'e', 'f', 'g', 'h', 'a']);
    expect(completions.every(([own]) => own?.finished)).toBe(true);
    expect(result.metrics.loss).toBeLessThan(0.1);
  });

  it('resumes bit for bit', async () => {
    const whole = await run('whole');
    const first = await run('halves', {}, 3);
    const second = await run('halves');
    expect(second.result.resumedFrom).toBe(3);
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
  });

  it('does not depend on micro-batches, and ends at 10 % of the learning rate', async () => {
    const whole = await run('micro', { dropout: 0 });
    const cut = await run('micro1', { dropout: 0, microBatchSize: 1 });
    for (const [i, { values }] of whole.reports.entries()) {
      expect(Math.abs((values.loss ?? 0) / (cut.reports[i]?.values.loss ?? 0) - 1)).toBeLessThan(2e-6);
    }
    expect(whole.reports.at(0)?.values.learningRate).toBeCloseTo(1e-2, 12);
    expect(whole.reports.at(-1)?.values.learningRate).toBeCloseTo(1e-3, 12);
  });

  it('follows the committed trajectory (1e-4)', async () => {
    const { reports } = await run('trajectory', { dropout: 0 });
    const expected = [3.196509, 2.897387, 2.575239, 2.454748, 2.391101, 2.195401, 2.087749, 2.056486];
    expect(reports).toHaveLength(expected.length);
    for (const [i, loss] of expected.entries()) {
      expect(Math.abs((reports[i]?.values.loss ?? 0) - loss)).toBeLessThan(1e-4);
    }
  });

  it('measures held-out demonstrations, and says when nothing is left to train on', async () => {
    const { result } = await run('validated', { validation: config.demonstrations, epochs: 1 });
    expect(result.metrics.validationLoss).toBeGreaterThan(0);
    const empty = writeLines(folder, 'none.jsonl', []);
    await expect(run('none', { demonstrations: empty })).rejects.toThrow('no demonstration to train on');
  });
});
