import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openDevice } from '../engine/device.ts';
import { loadAddon } from '../engine/native/addon.ts';
import { runStage } from '../stages/index.ts';
import { recordingContext } from '../stages/testing/tiny.ts';
import type { ModelConfig } from './config.ts';
import { adapterSize, LanguageModel, parameterSpecs } from './language-model.ts';
import { requireMemory, trainingMemory } from './memory.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchstone-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

const reference = { vocabularySize: 512, contextLength: 128, width: 192, layers: 4, heads: 6 };

const llama = { family: 'llama', ...reference, keyValueHeads: 2, tiedHead: false } as const;

/** Peak resident bytes of training steps in a process of their own, above what it held before. */
function measuredPeak(
  config: ModelConfig,
  rows: number,
  columns: number,
  more: { gradientCheckpointing?: boolean; rank?: number } = {},
): number {
  const script = fileURLToPath(new URL('./testing/peak-memory.ts', import.meta.url));
  const settings = JSON.stringify({ config, rows, columns, threads: 1, ...more });
  const args = ['--expose-gc', '--import', 'tsx', script, settings];
  const printed: unknown = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  return z.object({ bytes: z.number() }).parse(printed).bytes;
}

describe.skipIf('reason' in loadAddon() || process.platform !== 'linux')(
  'the estimate of a run’s memory',
  () => {
    it.each<[string, ModelConfig, number, number]>([
      ['the reference model', reference, 8, 128],
      ['mostly weights', { ...reference, width: 384, layers: 6 }, 1, 128],
      ['a wide vocabulary', { ...reference, vocabularySize: 8000, width: 96, heads: 3 }, 16, 128],
      ['long rows', { ...reference, contextLength: 1024, layers: 2 }, 1, 1024],
      ['a Llama', llama, 8, 128],
      ['a Llama of long rows', { ...llama, contextLength: 1024, layers: 2, keyValueHeads: 6 }, 1, 1024],
    ])('is within 0.7 and 1.5 of what was measured: %s', (_, config, rows, columns) => {
      const ratio = trainingMemory(config, { rows, columns }).total / measuredPeak(config, rows, columns);
      expect(ratio).toBeGreaterThan(0.7);
      expect(ratio).toBeLessThan(1.5);
    });

    it('holds with gradient checkpointing, which takes less than half at eight layers, and with adapters', () => {
      const deep = { ...reference, layers: 8 };
      const [rows, columns] = [24, 128];
      const kept = measuredPeak(deep, rows, columns);
      const again = measuredPeak(deep, rows, columns, { gradientCheckpointing: true });
      expect(again).toBeLessThan(kept / 2);
      const wide = { ...reference, width: 384, layers: 6 };
      const adapted = measuredPeak(wide, 1, columns, { rank: 4 });
      const whole = { frozen: 0, learning: 1 };
      const adapters = adapterSize(wide, { rank: 4, alpha: 16, targets: 'all-linear' });
      const ratios = [
        trainingMemory(deep, { rows, columns }, whole, { gradientCheckpointing: true }).total / again,
        trainingMemory(wide, { rows: 1, columns }, { frozen: 1, learning: 1 }, { adapters }).total / adapted,
      ];
      for (const ratio of ratios) {
        expect(ratio).toBeGreaterThan(0.7);
        expect(ratio).toBeLessThan(1.5);
      }
    });
  },
);

describe('the parts of the estimate', () => {
  it('counts the weights that the model has, once for each model, and moments for those that learn', async () => {
    await openDevice('auto');
    const model = LanguageModel.create(reference, 1);
    const bytes = 4 * model.size;
    model.dispose();
    const size = { rows: 16, columns: 128 };
    const one = trainingMemory(reference, size);
    expect(one).toMatchObject({ weights: bytes, gradients: bytes, moments: 2 * bytes });
    const four = trainingMemory(reference, size, { frozen: 2, learning: 2 });
    expect(four).toMatchObject({ weights: 4 * bytes, gradients: bytes, moments: 4 * bytes });
    expect(four.activations).toBe(one.activations);
  });

  it('counts weights once, and gradients and moments of the adapters alone, where adapters learn', () => {
    const size = { rows: 16, columns: 128 };
    const bytes = trainingMemory(reference, size).weights;
    const adapters = adapterSize(reference, { rank: 8, alpha: 16, targets: 'all-linear' });
    // r (in + out) of c_attn, c_proj, c_fc and the second c_proj, in four layers.
    expect(adapters).toBe(4 * 8 * (4 * 192 + 2 * 192 + 5 * 192 + 5 * 192));
    const two = trainingMemory(reference, size, { frozen: 2, learning: 2 }, { adapters });
    expect(two).toMatchObject({
      weights: 2 * bytes + 2 * 4 * adapters,
      gradients: 4 * adapters,
      moments: 4 * 4 * adapters,
    });
  });

  it.each([
    ['of grouped queries, a head of its own', llama],
    ['with biases and a tied head', { ...llama, modelType: 'qwen2', tiedHead: true }],
    ['with heads wider than their share', { ...llama, headSize: 48, innerWidth: 100 }],
  ] as const)('counts the weights of a Llama %s', (_, config) => {
    let numbers = 0;
    for (const { shape } of parameterSpecs(config).values()) {
      numbers += shape.reduce((product, count) => product * count, 1);
    }
    expect(trainingMemory(config, { rows: 1, columns: 1 }).gradients).toBe(4 * numbers);
  });

  it('grows with the number of tokens, however they are cut into rows', () => {
    const { activations } = trainingMemory(reference, { rows: 16, columns: 128 });
    expect(trainingMemory(reference, { rows: 2, columns: 1024 }).activations).toBe(activations);
    expect(trainingMemory(reference, { rows: 32, columns: 128 }).activations).toBe(2 * activations);
  });
});

describe('a run that does not fit', () => {
  const plan = { config: reference, rows: 64, columns: 128, unit: 'rows' };

  it('passes at the limit, and names the largest micro-batch below it', () => {
    const need = (rows: number): number => trainingMemory(reference, { rows, columns: 128 }).total;
    expect(() => requireMemory(plan, need(64))).not.toThrow();
    expect(() => requireMemory(plan, need(64) - 1)).toThrow('a microBatchSize of 63 rows would fit');
    expect(() => requireMemory(plan, need(9))).toThrow('a microBatchSize of 9 rows would fit');
    expect(() => requireMemory({ ...plan, unit: 'rankings', rowsPerUnit: 4 }, need(9))).toThrow(
      'a microBatchSize of 2 rankings would fit',
    );
  });

  it('names gradient checkpointing where one row fits with it and not without', () => {
    const deep = { ...reference, layers: 24 };
    const size = { rows: 1, columns: 128 };
    const one = trainingMemory(deep, size).total;
    expect(() => requireMemory({ ...plan, config: deep }, one - 1)).toThrow(
      'a microBatchSize of 1 with gradientCheckpointing would fit',
    );
    const savings = { gradientCheckpointing: true };
    const need = trainingMemory(deep, size, undefined, savings).total;
    expect(need).toBeLessThan(one);
    expect(() => requireMemory({ ...plan, config: deep, rows: 1, savings }, need)).not.toThrow();
  });

  it('names the widest model with heads of this size when no micro-batch helps', () => {
    const narrow = trainingMemory({ ...reference, width: 96, heads: 3 }, { rows: 1, columns: 128 }).total;
    expect(() => requireMemory(plan, narrow)).toThrow('a width of 96 (3 heads) would fit');
    expect(() => requireMemory(plan, 1000)).toThrow('so is every smaller width with these 4 layers');
  });

  it('names a width for a Llama as well, whatever its heads of keys', () => {
    const narrow = { ...llama, width: 96, heads: 3, keyValueHeads: undefined };
    const enough = trainingMemory(narrow, { rows: 1, columns: 128 }).total;
    expect(() => requireMemory({ ...plan, config: llama }, enough)).toThrow(
      'a width of 96 (3 heads) would fit',
    );
  });

  it('is refused by a stage in no time, before anything is written', async () => {
    await openDevice('auto');
    const runFolder = join(folder, 'run');
    const { context } = recordingContext(runFolder);
    const config = { sources: [{ path: join(folder, 'none.jsonl') }], width: 65536, heads: 512, layers: 96 };
    const began = performance.now();
    await expect(runStage('pretrain', config, context)).rejects.toThrow(
      /^Training this model \(width 65536, 96 layers, 16 × 128 tokens at once\) takes about [\d,]+ GB and there are [\d.]+ GB: even one of its rows at a time is too much, and a width of \d+ \(\d+ heads\) would fit\.$/,
    );
    expect(performance.now() - began).toBeLessThan(1000);
    expect(existsSync(runFolder)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });
});
