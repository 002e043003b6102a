import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { lastIndices, leftPadded, rightPadded, selectRows, type TrainingBatch } from './batch.ts';
import { encodeComparisons, orderedPairs } from './comparisons.ts';
import { TokenCorpus } from './corpus.ts';
import {
  encodeDemonstrations,
  encodePrompt,
  packDemonstrations,
  padDemonstrations,
} from './demonstrations.ts';
import { Mixture } from './mixture.ts';
import { packRows, sequentialBatches, targetBytes } from './packing.ts';
import { parseResponse, renderPrompt, renderResponse } from './template.ts';

const tokenizer = Tokenizer.trainCharacters(['\nQuestion: Answer: abcdefghijklmnopqrstuvwxyz 0123456789']);
const texts = (texts: string[]) => texts.map((text) => ({ text }));

/** What each counted cell of a batch is to predict, and from what: "context→target". */
function predictions(batch: TrainingBatch): string[] {
  const found: string[] = [];
  for (let row = 0; row < batch.rows; row++) {
    for (let column = 0; column < batch.columns; column++) {
      const cell = row * batch.columns + column;
      if (!batch.weights[cell]) continue;
      const seen: number[] = [];
      for (let j = 0; j <= column; j++) {
        const other = row * batch.columns + j;
        if (batch.segments[other] !== batch.segments[cell]) continue;
        expect(batch.positions[other]).toBe(seen.length);
        seen.push(batch.tokens[other] ?? -1);
      }
      const target = batch.targets[cell] ?? -1;
      found.push(
        `${tokenizer.decode(seen)}→${target === tokenizer.endOfText ? '$' : tokenizer.decode([target])}`,
      );
    }
  }
  return found.sort();
}

describe('the prompt template', () => {
  it('renders a question and a conversation', () => {
    expect(renderPrompt('Who?')).toBe('Question: Who?\nAnswer:');
    expect(
      renderPrompt([
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Who?' },
        { role: 'assistant', content: 'Me.' },
        { role: 'user', content: 'Why?' },
      ]),
    ).toBe('Be brief.\nQuestion: Who?\nAnswer: Me.\nQuestion: Why?\nAnswer:');
    expect(parseResponse(renderResponse('  two spaces'))).toBe('  two spaces');
  });
});

describe('batches', () => {
  it('pads to the right or to the left, counting positions over real tokens', () => {
    const right = rightPadded([[5, 6, 7], [8]], 1, 4);
    expect([...right.tokens]).toEqual([5, 6, 7, 1, 8, 1, 1, 1]);
    expect([...right.segments]).toEqual([1, 1, 1, 0, 1, 0, 0, 0]);
    const left = leftPadded([[5, 6, 7], [8]], 1, 4);
    expect([...left.tokens]).toEqual([1, 5, 6, 7, 1, 1, 1, 8]);
    expect([...left.positions]).toEqual([0, 0, 1, 2, 0, 0, 0, 0]);
    expect([...lastIndices(right)]).toEqual([2, 0]);
    expect([...lastIndices(left)]).toEqual([3, 3]);
    expect([...selectRows(right, [1]).tokens]).toEqual([8, 1, 1, 1]);
    expect(() => rightPadded([[1, 2, 3]], 0, 2)).toThrow('does not fit');
    expect(() => rightPadded([[]], 0)).toThrow('empty');
  });
});

describe('pretraining rows', () => {
  it('predict each token of every document from that document alone, once an epoch', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 12 }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer({ min: 2, max: 7 }),
        (documents, columns) => {
          const corpus = TokenCorpus.encode('x', texts(documents), tokenizer);
          const cells = documents.reduce((sum, text) => sum + text.length, 0);
          const batches = [...sequentialBatches(corpus, 3, columns, tokenizer.padding)];
          const found = batches.flatMap(predictions);
          expect(found).toHaveLength(cells);
          // The bytes that bits per byte are counted over: all but the first of each document.
          const bytes = batches.reduce((sum, batch) => sum + targetBytes(batch, tokenizer.byteLengths), 0);
          expect(bytes).toBe(cells - documents.length);
          for (const prediction of found) {
            const [context = '', target = ''] = prediction.split('→');
            const follows = (text: string) => `${text}$`.includes(context + target);
            expect(documents.some(follows)).toBe(true);
          }
        },
      ),
    );
  });

  it('fill every cell, and one epoch reads each piece once', () => {
    const documents = Array.from({ length: 40 }, (_, i) => `${'ab'.repeat(1 + (i % 5))}${i}`);
    const corpus = TokenCorpus.encode('x', texts([...documents, 'z'.repeat(100)]), tokenizer);
    const mixture = new Mixture([{ corpus, weight: 1 }], { columns: 16, seed: 3 });
    const cells = corpus.tokens.length - corpus.documents;
    const rows = Math.floor(cells / 16);
    const batch = packRows(mixture, rows);
    expect(batch.weights.every((weight) => weight === 1)).toBe(true);
    expect(mixture.epochs().x).toBeGreaterThan(0.8);
    const found = predictions(batch);
    // Within the first epoch, each document's end is predicted at most once.
    for (const text of documents) {
      const ends = found.filter((prediction) => prediction === `${text}→$`);
      expect(ends.length).toBeLessThanOrEqual(1);
    }
    expect(found.filter((prediction) => prediction.endsWith('→$')).length).toBeGreaterThan(30);
  });

  it('come from the sources in the proportion of their weights', () => {
    const sources = ['a', 'b', 'c'].map((letter, i) => ({
      corpus: TokenCorpus.encode(letter, texts([letter.repeat(50 * (i + 1))]), tokenizer),
      weight: [6, 3, 1][i] ?? 0,
    }));
    const mixture = new Mixture(sources, { columns: 8, seed: 11 });
    const rows = 20_000;
    const counts = [0, 0, 0];
    for (let i = 0; i < rows; i++) {
      const { source } = mixture.nextRow();
      counts[source] = (counts[source] ?? 0) + 1;
    }
    for (const [i, share] of [0.6, 0.3, 0.1].entries()) {
      const deviation = Math.sqrt((share * (1 - share)) / rows);
      expect(Math.abs((counts[i] ?? 0) / rows - share)).toBeLessThan(4 * deviation);
    }
    // Source a has 50 cells, and so about 12,000 · 8 / 50 epochs are read of it.
    expect(mixture.epochs().a).toBeCloseTo(((counts[0] ?? 0) * 8) / 50, -1);
  });

  it('continue exactly where a saved state stood', () => {
    const sources = () =>
      ['ab', 'cd'].map((pair, i) => ({
        corpus: TokenCorpus.encode(
          pair,
          texts(Array.from({ length: 9 }, (_, n) => pair.repeat(n + 1))),
          tokenizer,
        ),
        weight: i + 1,
      }));
    const whole = new Mixture(sources(), { columns: 7, seed: 5 });
    for (let i = 0; i < 33; i++) whole.nextRow();
    const state = JSON.parse(JSON.stringify(whole.state()));
    const resumed = new Mixture(sources(), { columns: 7, seed: 5 });
    resumed.restore(state);
    for (let i = 0; i < 20; i++) expect(packRows(resumed, 2)).toEqual(packRows(whole, 2));
    expect(resumed.epochs()).toEqual(whole.epochs());
  });

  it('refuses weights and names that mean nothing', () => {
    const corpus = TokenCorpus.encode('x', texts(['abc']), tokenizer);
    expect(() => new Mixture([{ corpus, weight: 0 }], { columns: 4, seed: 1 })).toThrow(
      'The weight of source x is 0',
    );
    expect(
      () =>
        new Mixture(
          [
            { corpus, weight: 1 },
            { corpus, weight: 1 },
          ],
          { columns: 4, seed: 1 },
        ),
    ).toThrow('Two sources are named x');
    expect(() => TokenCorpus.encode('x', [], tokenizer)).toThrow('The source x holds no text');
  });
});

describe('demonstrations', () => {
  const long = 'a'.repeat(30);

  it('count the response and its end, and nothing of the prompt or the padding', () => {
    const { examples } = encodeDemonstrations(
      [
        { prompt: 'ab', completion: 'cd' },
        { prompt: 'e', completion: 'f' },
        { prompt: 'gh', completion: long },
      ],
      tokenizer,
      64,
    );
    const expected = [
      ...response(renderPrompt('ab'), ' cd'),
      ...response(renderPrompt('e'), ' f'),
      ...response(renderPrompt('gh'), ` ${long}`),
    ].sort();
    const packed = packDemonstrations(examples, 64, tokenizer.padding);
    expect(packed.rows).toBe(2);
    expect(predictions(packed)).toEqual(expected);
    expect(predictions(padDemonstrations(examples, tokenizer.padding))).toEqual(expected);
  });

  it('lose the start of a prompt that does not fit, never of an answer, and count it', () => {
    const encoded = encodeDemonstrations(
      [
        { prompt: `${long}xyz`, completion: 'b' },
        { prompt: 'q', completion: long },
        { prompt: 'q', completion: 'c' },
      ],
      tokenizer,
      24,
    );
    expect(encoded.lengths).toEqual({ examples: 3, truncatedPrompts: 1, dropped: 1 });
    expect(encoded.examples).toHaveLength(2);
    const [first] = encoded.examples;
    expect(tokenizer.decode(first?.prompt ?? [])).toBe(renderPrompt(`${long}xyz`).slice(-21));
    expect(first?.response.at(-1)).toBe(tokenizer.endOfText);
    const cut = encodePrompt('abc', tokenizer, 10);
    expect(tokenizer.decode(cut.tokens)).toBe('bc\nAnswer:'.slice(-10));
    expect(cut.cut).toBe(renderPrompt('abc').length - 10);
  });

  function response(prompt: string, answer: string): string[] {
    return [...answer, '$'].map((target, i) => `${prompt}${answer.slice(0, i)}→${target}`);
  }
});

describe('comparisons', () => {
  it('give every ordered pair of a ranking, and none for ties', () => {
    expect(orderedPairs([1, 2, 3])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(orderedPairs([2, 1, 2])).toEqual([
      [1, 0],
      [1, 2],
    ]);
    expect(orderedPairs([1, 1, 1])).toEqual([]);
    expect(orderedPairs([9, 8, 7, 6, 5, 4, 3, 2, 1])).toHaveLength(36);
  });

  it('encode to whole sequences that end with end-of-text; all-tied rankings are counted', () => {
    const { comparisons, withoutPairs } = encodeComparisons(
      [
        { prompt: 'q', completions: ['a', 'bc'], ranks: [2, 1], labeler: 'l', split: 'train' },
        { prompt: 'q', completions: ['a', 'bc'], ranks: [1, 1] },
      ],
      tokenizer,
      64,
    );
    expect(withoutPairs).toBe(1);
    expect(comparisons).toHaveLength(1);
    const [only] = comparisons;
    expect(only?.sequences.map((sequence) => tokenizer.decode(sequence))).toEqual([
      'Question: q\nAnswer: a',
      'Question: q\nAnswer: bc',
    ]);
    expect(only?.sequences.every((sequence) => sequence.at(-1) === tokenizer.endOfText)).toBe(true);
    expect(only).toMatchObject({ pairs: [[1, 0]], labeler: 'l', split: 'train' });
  });
});
