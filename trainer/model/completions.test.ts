import { describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { loadAddon } from '../engine/native/addon.ts';
import { nativeBackend } from '../engine/native/backend.ts';
import { tf } from '../engine/tf.ts';
import type { Generation, GenerationPiece } from './completion.ts';
import type { TokenText } from './completion-text.ts';
import { type GenerateOptions, generate, generatePieces } from './generate.ts';
import { largestDifference, randomSequences, successorModel, tinyModel } from './testing/tiny.ts';

const options: GenerateOptions = { maxNewTokens: 8, temperature: 1, seed: 5, stopTokens: [] };

/** Token 0 is a special one; then the letters, and in the middle the four bytes of an emoji and the two of an é. */
const bytesOfTokens: number[][] = [
  [],
  ...[...'abcdefg'].map((letter) => [...Buffer.from(letter)]),
  [0xf0],
  [0x9f, 0x98],
  [0x80],
  ...[...'hijk'].map((letter) => [...Buffer.from(letter)]),
  [...Buffer.from('lm\n')],
  [...Buffer.from('\nno')],
  [0xc3],
  [0xa9, 0x70],
  ...[...'qrstu'].map((letter) => [...Buffer.from(letter)]),
];
const tokenizer: TokenText = {
  vocabularySize: bytesOfTokens.length,
  tokenBytes: (id) => Uint8Array.from(bytesOfTokens[id] ?? []),
};

const native = 'addon' in loadAddon();
const tokensOf = (generations: Generation[]) => generations.map(({ tokens }) => tokens);

describe.each([...(native ? (['native'] as const) : []), 'wasm' as const])('completions on %s', (device) => {
  it('are the same for prompt i and sample j whatever the number of samples, the batch, and the prompts beside it', async () => {
    await openDevice(device);
    const model = tinyModel(21);
    const prompts = [...randomSequences(22, [5, 9, 1]), [7, 7]];
    const one = await generate(model, prompts, options);
    for (const samplesPerPrompt of [2, 5]) {
      for (const batchSize of [1, 3, 64]) {
        const several = await generate(model, prompts, { ...options, samplesPerPrompt, batchSize });
        expect(several).toHaveLength(4 * samplesPerPrompt);
        // The first sample is the one that is drawn alone.
        expect(tokensOf(several.filter((_, i) => i % samplesPerPrompt === 0))).toEqual(tokensOf(one));
      }
    }
    const five = tokensOf(await generate(model, prompts, { ...options, samplesPerPrompt: 5 }));
    const two = tokensOf(await generate(model, prompts, { ...options, samplesPerPrompt: 2 }));
    expect(two).toEqual(five.filter((_, i) => i % 5 < 2));
    expect(new Set(five.map((tokens) => tokens.join())).size).toBe(20);
    const fewer = await generate(model, prompts.slice(0, 2), { ...options, samplesPerPrompt: 2 });
    expect(tokensOf(fewer)).toEqual(two.slice(0, 4));
    model.dispose();
  });

  it('of a prompt with a seed of its own are those of a call of its own', async () => {
    await openDevice(device);
    const model = tinyModel(23);
    const prompts = randomSequences(24, [5, 9, 5]);
    const seeds = [71, 5, 71];
    const all = await generate(model, prompts, { ...options, seeds, samplesPerPrompt: 2 });
    for (const [i, prompt] of prompts.entries()) {
      const how = { ...options, seed: seeds[i] ?? 0, samplesPerPrompt: 2 };
      expect(tokensOf(await generate(model, [prompt], how))).toEqual(tokensOf(all.slice(2 * i, 2 * i + 2)));
    }
    await expect(generate(model, prompts, { ...options, seeds: [1] })).rejects.toThrow(
      '3 prompts came with 1 seeds',
    );
    model.dispose();
  });

  it('end at a stop string that straddles tokens and characters: the text before it, the tokens with it', async () => {
    await openDevice(device);
    const model = successorModel();
    const how = { ...options, maxNewTokens: 20, stopTokens: [0], tokenizer };
    const from1 = async (stopStrings: string[]) => (await generate(model, [[1]], { ...how, stopStrings }))[0];
    // Completions of "a" go on with b, c, …
    expect(await from1(['f😀h'])).toMatchObject({
      text: 'bcdefg😀hijklm\n\nnoépqrs',
      tokens: { length: 20 },
    });
    expect(await from1(['g😀h'])).toMatchObject({
      text: 'bcdef',
      tokens: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      finished: true,
      finishReason: 'stop',
      stoppedBy: 'g😀h',
    });
    // The first to be complete, wherever it began; of two complete at once, the longer.
    expect(await from1(['ij', '\n\n', 'j', 'k\n'])).toMatchObject({ text: 'bcdefg😀h', stoppedBy: 'ij' });
    // Within a token: what comes after it in the same token is gone.
    expect(await from1(['\n\nn'])).toMatchObject({ text: 'bcdefg😀hijklm', stoppedBy: '\n\nn' });
    expect(await from1(['m'])).toMatchObject({ text: 'bcdefg😀hijkl', tokens: { length: 14 } });
    // The stop token comes first, and is no text.
    const [stopped] = await generate(model, [[20]], { ...how, stopStrings: ['ub', 'ab'] });
    expect(stopped).toMatchObject({ text: 'stu', tokens: [21, 22, 23, 0], stoppedBy: 0 });
    await expect(generate(model, [[1]], { ...options, stopStrings: ['x'] })).rejects.toThrow(
      'There are stop strings ("x") and no tokenizer',
    );
    await expect(generate(model, [[1]], { ...how, stopStrings: ['x', ''] })).rejects.toThrow(
      'Stop string 1 is empty',
    );
    model.dispose();
  });

  it('come in pieces that add up to what the whole call gives, text in whole characters', async () => {
    await openDevice(device);
    const model = tinyModel(25, { vocabularySize: 24, contextLength: 40, width: 12, layers: 1, heads: 3 });
    const prompts = randomSequences(26, [5, 9, 1, 5]);
    const how = {
      ...options,
      maxNewTokens: 25,
      tokenizer,
      stopStrings: ['b', '\n', 'ae', '😀'],
      stopTokens: [0],
      samplesPerPrompt: 2,
      alternatives: 2,
      batchSize: 3,
    };
    const whole = await generate(model, prompts, how);
    const made = whole.map(() => ({
      tokens: [] as number[],
      logProbs: [] as number[],
      text: '',
      alternatives: [] as Generation['alternatives'],
      ended: null as Generation | null,
    }));
    let pieces = 0;
    for await (const piece of generatePieces(model, prompts, how)) {
      const own = made[piece.index];
      expect(own?.ended).toBe(null);
      own?.tokens.push(...piece.tokens);
      own?.logProbs.push(...piece.logProbs);
      own?.alternatives?.push(...(piece.alternatives ?? []));
      if (own) own.text += piece.text;
      if (own) own.ended = piece.ended;
      expect(piece.tokens.length).toBeGreaterThan(0);
      pieces++;
    }
    expect(pieces).toBeGreaterThanOrEqual(8);
    for (const [i, { ended, ...own }] of made.entries()) {
      const { tokens, text, alternatives } = whole[i] ?? {};
      expect({ tokens, text, alternatives }).toEqual({
        tokens: own.tokens,
        text: own.text,
        alternatives: ended?.alternatives,
      });
      expect(ended).toEqual({ ...whole[i], logProbs: own.logProbs, alternatives: own.alternatives });
    }
    model.dispose();
  });

  it('are given up and freed when the loop over their pieces is left, and when the signal says so', async () => {
    await openDevice(device);
    const model = tinyModel(27);
    const prompts = randomSequences(28, [5, 9, 1]);
    await generate(model, prompts, options);
    const memory = () => ({ tensors: tf.memory().numTensors, held: nativeBackend()?.pool.heldBytes });
    const before = memory();
    let left: GenerationPiece | null = null;
    for await (const piece of generatePieces(model, prompts, { ...options, batchSize: 1 })) {
      left = piece;
      break;
    }
    expect(left?.tokens.length).toBeGreaterThan(0);
    expect(memory()).toEqual(before);
    const controller = new AbortController();
    const how = { ...options, batchSize: 1, signal: controller.signal };
    const read = async (): Promise<void> => {
      for await (const _ of generatePieces(model, prompts, how)) controller.abort(new Error('enough'));
    };
    await expect(read()).rejects.toThrow('enough');
    expect(memory()).toEqual(before);
    model.dispose();
  });

  it('have the log-probabilities of a prompt that is read alone, though equal prompts are read once', async () => {
    await openDevice(device);
    const model = tinyModel(29);
    const [prompt = [], other = []] = randomSequences(30, [11, 11]);
    const together = await generate(model, [prompt, other, prompt], { ...options, samplesPerPrompt: 4 });
    for (const [i, own] of [prompt, other, prompt].entries()) {
      for (const [j, expected] of together.slice(4 * i, 4 * i + 4).entries()) {
        const beside = [prompt, other, prompt].map((_, k) => (k === i ? own : [1 + k]));
        const alone = await generate(model, beside, { ...options, samplesPerPrompt: j + 1 });
        const same = alone[i * (j + 1) + j];
        expect(same?.tokens).toEqual(expected.tokens);
        expect(largestDifference(same?.logProbs ?? [], expected.logProbs)).toBeLessThan(1e-5);
      }
    }
    model.dispose();
  });
});
