import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../cli.ts';
import { openDevice } from '../engine/device.ts';
import { loadTokenizer, readMetadata, saveCheckpoint, type TouchstoneMetadata } from '../model/checkpoint.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { tinyModel } from '../model/testing/tiny.ts';
import { Weights } from '../model/weights.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';

const root = mkdtempSync(join(tmpdir(), 'touchstone-convert-'));
const tokenizer = Tokenizer.trainCharacters(['abcdefghijklmnopqrstu']);
const metadata: TouchstoneMetadata = {
  stage: 'reward',
  parent: null,
  dataset: null,
  config: {},
  seed: 1,
  codeVersion: '0.1.0',
  metrics: {},
  rewardGain: 2,
};

beforeAll(async () => {
  await openDevice('cpu');
  await saveCheckpoint(join(root, 'plain'), { model: tinyModel(), tokenizer, metadata: null });
  const reward = ScalarModel.fromLanguageModel(tinyModel(), 3);
  await saveCheckpoint(join(root, 'reward'), { model: reward, tokenizer, metadata });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function convert(from: string, to: string, ...flags: string[]): Promise<string> {
  const args = ['convert', '--model', join(root, from), '--out', join(root, to), ...flags];
  await createProgram().parseAsync(args, { from: 'user' });
  return join(root, to);
}

/** Every tensor of a folder, by name. */
function tensorsOf(folder: string): Map<string, Float32Array> {
  const weights = new Weights(folder);
  try {
    return new Map(weights.names.map((name) => [name, weights.read(name).data]));
  } finally {
    weights.close();
  }
}

describe('touchstone convert', () => {
  it('writes bf16 in shards no larger than asked, and one float32 file of the same values again', async () => {
    const bf16 = await convert('plain', 'bf16', '--dtype', 'bf16', '--shard-size', '2.5KB');
    const shards = readdirSync(bf16).filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name));
    expect(shards.length).toBeGreaterThan(3);
    const header = (file: string) => 8 + Number(readFileSync(join(bf16, file)).readBigUInt64LE(0));
    for (const shard of shards)
      expect(statSync(join(bf16, shard)).size - header(shard)).toBeLessThanOrEqual(2500);
    const rounded = tensorsOf(bf16);
    const whole = await convert('bf16', 'whole');
    expect(readdirSync(whole)).toContain('model.safetensors');
    expect(tensorsOf(whole)).toEqual(rounded);
    for (const [name, values] of tensorsOf(join(root, 'plain'))) {
      const close = rounded.get(name);
      for (const [i, value] of values.entries()) {
        expect(Math.abs((close?.[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(2 ** -8 * Math.abs(value));
      }
    }
    expect(loadTokenizer(whole).matches(tokenizer)).toBe(true);
  });

  it('takes reward models, and keeps what touchstone.json says', async () => {
    const folder = await convert('reward', 'reward-f16', '--dtype', 'f16');
    expect(tensorsOf(folder).has('score.weight')).toBe(true);
    expect(readMetadata(folder)).toEqual(metadata);
    expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['GPT2ForSequenceClassification'],
      torch_dtype: 'float16',
      id2label: { '0': 'reward' },
    });
  });

  it('names what is wrong with its flags and its folder', async () => {
    await expect(convert('plain', 'x', '--shard-size', 'large')).rejects.toThrow(
      'expected a size such as 2GB',
    );
    await expect(convert('plain', 'x', '--dtype', 'int8')).rejects.toThrow(
      'Allowed choices are float32, bf16, f16',
    );
    await expect(convert('nowhere', 'x')).rejects.toThrow('There is no checkpoint folder');
    expect(readdirSync(root)).not.toContain('x');
  });
});
