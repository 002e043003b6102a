import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { loadLanguageModel, readMetadata } from '../model/checkpoint.ts';
import { runStage } from './index.ts';
import type { PretrainInput } from './pretrain.config.ts';
import { readRunState } from './shared/run-state.ts';
import {
  recordingContext,
  stepsInLog,
  temporaryFolder,
  weightsOf,
  withoutTimes,
  writeLines,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
let config: PretrainInput;

beforeAll(async () => {
  await openDevice('auto');
  const random = new Random(2);
  const words = ['ab', 'cde', 'fgh', 'hag', 'bead'];
  const documents = Array.from({ length: 120 }, () => ({
    text: Array.from({ length: 3 + random.integer(9) }, () => words[random.integer(5)]).join(' '),
  }));
  config = {
    seed: 7,
    sources: [
      { path: writeLines(folder, 'documents.jsonl', documents), weight: 3 },
      {
        path: writeLines(
          folder,
          'more.jsonl',
          documents.map(({ text }) => ({ text: `${text}.` })),
        ),
      },
    ],
    vocabularySize: 270,
    context: 16,
    width: 16,
    layers: 1,
    heads: 2,
    steps: 6,
    batchSize: 4,
    learningRate: 1e-2,
    warmupSteps: 2,
    dropout: 0.1,
    validateEvery: 3,
    validationRows: 4,
    checkpointEvery: 3,
    samplePrompts: ['ab'],
    sampleEvery: 3,
    sampleTokens: 4,
  };
});
afterAll(remove);

async function run(name: string, more: Partial<PretrainInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('pretrain', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

describe('pretrain', () => {
  it('learns: the loss falls from ln V towards the entropy of the language', async () => {
    const { result, reports, samples } = await run('learns', {
      steps: 60,
      checkpointEvery: 60,
      sampleEvery: 30,
      dropout: 0,
    });
    expect(result.status).toBe('completed');
    expect(Math.abs((reports[0]?.values.loss ?? 0) - Math.log(270))).toBeLessThan(0.1);
    expect(result.metrics.validationLoss).toBeLessThan(2.2);
    expect(samples.map(({ step }) => step)).toEqual([0, 30, 60]);
    expect(stepsInLog(join(folder, 'learns'))).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    // Bits per byte = nats per token / ln 2 · tokens / bytes: about 1.5 bytes a token here.
    const { loss = 0, bitsPerByte = 0 } = reports[59]?.values ?? {};
    expect(bitsPerByte).toBeLessThan(loss / Math.LN2);
    expect(bitsPerByte).toBeGreaterThan(loss / Math.LN2 / 3);

    const metadata = readMetadata(result.checkpoint);
    expect(metadata).toMatchObject({ stage: 'pretrain', step: 60, parent: null, seed: 7 });
    const model = await loadLanguageModel(result.checkpoint);
    expect(model.config.width).toBe(16);
    model.dispose();
    expect(readdirSync(join(folder, 'learns')).sort()).toEqual([
      'metrics.jsonl',
      'model',
      'result.json',
      'run.json',
      'samples.jsonl',
    ]);
  });

  it('goes on after an interruption with the same metrics and weights, bit for bit', async () => {
    const whole = await run('whole');
    const first = await run('halves', {}, 4);
    expect(first.result.status).toBe('interrupted');
    expect(existsSync(join(first.result.checkpoint, 'model.safetensors'))).toBe(true);
    const second = await run('halves');
    expect(second.result).toMatchObject({ status: 'completed', resumedFrom: 4 });
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect([...first.samples, ...second.samples]).toEqual(whole.samples);
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
    expect(stepsInLog(join(folder, 'halves'))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('redoes what a kill lost since the last save, and its log holds each step once', async () => {
    const whole = await run('whole');
    const recording = recordingContext(join(folder, 'killed'));
    const kill = {
      ...recording.context,
      onMetrics: ({ step }: { step: number }) => {
        if (step === 5) throw new Error('killed');
      },
    };
    await expect(runStage('pretrain', config, kill)).rejects.toThrow('killed');
    expect(stepsInLog(join(folder, 'killed'))).toEqual([1, 2, 3, 4, 5]);
    const again = await run('killed');
    expect(again.result.resumedFrom).toBe(3);
    expect(weightsOf(again.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
    expect(stepsInLog(join(folder, 'killed'))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('asks a caller that gathers reports to store them before it saves: none is lost with its process', async () => {
    const gathered = (name: string, killAt: number) => {
      const { context } = recordingContext(join(folder, name));
      const stored: number[] = [];
      let waiting: number[] = [];
      const saved: (number | null)[] = [];
      return {
        stored,
        saved,
        run: runStage('pretrain', config, {
          ...context,
          onMetrics({ step }) {
            waiting.push(step);
            if (step === killAt) throw new Error('killed');
          },
          beforeSave() {
            stored.push(...waiting);
            waiting = [];
            saved.push(readRunState(context.runFolder)?.step ?? null);
          },
        }),
      };
    };
    const killed = gathered('gathered', 5);
    await expect(killed.run).rejects.toThrow('killed');
    expect(killed.stored).toEqual([1, 2, 3]);
    const again = gathered('gathered', -1);
    await again.run;
    expect(again.stored).toEqual([4, 5, 6]);
    // Before, not after: step 3 was not saved yet when 1 to 3 were stored, nor was the end when 4 to 6 were.
    expect([killed.saved, again.saved]).toEqual([[null], [3]]);
  });

  it('gives the result of a finished run again, and refuses another config, stage or changed data', async () => {
    const done = await run('done');
    const again = await run('done');
    expect(again.reports).toEqual([]);
    expect(again.result.checkpoint).toBe(done.result.checkpoint);
    await expect(run('done', { learningRate: 2e-2 })).rejects.toThrow(
      '"learningRate" was 0.01 and is now 0.02',
    );

    const own = writeLines(folder, 'own.jsonl', [
      { text: 'ab cde fgh ab cde fgh' },
      { text: 'ab ab ab ab ab ab ab' },
    ]);
    const settings = { sources: [{ path: own }], validationFraction: 0, vocabularySize: 258 };
    await run('changed', settings, 2);
    writeLines(folder, 'own.jsonl', [{ text: 'ab cde fgh '.repeat(9) }, { text: 'hag beads '.repeat(9) }]);
    await expect(run('changed', settings)).rejects.toThrow(`${own} has changed since`);
  });

  it('says which file is no state of a run', async () => {
    await run('damaged', {}, 2);
    writeFileSync(join(folder, 'damaged', 'state.json'), '{"version":1');
    await expect(run('damaged')).rejects.toThrow('state.json is not the state of a run');
  });

  it('does not depend on how a step is cut into micro-batches (1e-6 on the loss)', async () => {
    const whole = await run('micro4', { dropout: 0, steps: 4 });
    const cut = await run('micro1', { dropout: 0, steps: 4, microBatchSize: 1 });
    for (const [i, { values }] of whole.reports.entries()) {
      expect(Math.abs((values.loss ?? 0) / (cut.reports[i]?.values.loss ?? 0) - 1)).toBeLessThan(1e-6);
    }
  });

  it('follows the committed trajectory (1e-4)', async () => {
    const { reports } = await run('trajectory', { dropout: 0 });
    const expected = [5.575918, 5.443136, 5.180301, 4.891986, 4.685133, 4.626355];
    expect(reports).toHaveLength(expected.length);
    for (const [i, loss] of expected.entries()) {
      expect(Math.abs((reports[i]?.values.loss ?? 0) - loss)).toBeLessThan(1e-4);
    }
  });

  it('names a source without text', async () => {
    const empty = writeLines(folder, 'empty.jsonl', [{ text: '' }]);
    await expect(run('empty', { sources: [{ path: empty }] })).rejects.toThrow('no text');
    expect(existsSync(join(folder, 'empty'))).toBe(false);
  });
});
