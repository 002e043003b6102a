import { describe, expect, it } from 'vitest';
import { Random } from '../engine/random.ts';
import { words } from './diversity.ts';
import { bleu, selfBleu } from './self-bleu.ts';

describe('self-BLEU', () => {
  it('rests on BLEU-4 as Papineni et al. (2002) compute it by hand', () => {
    // The paper's candidates and references: clipped unigrams 17 of 18 and 8 of 14, bigrams 10 of 17 and 1 of 13.
    const references = [
      'It is a guide to action that ensures that the military will forever heed Party commands',
      'It is the guiding principle which guarantees the military forces always being under the command of the Party',
      'It is the practical guide for the army always to heed the directions of the party',
    ].map(words);
    const first = words(
      'It is a guide to action which ensures that the military always obeys the commands of the party',
    );
    const second = words(
      'It is to insure the troops forever hearing the activity guidebook that party direct',
    );
    // Trigrams 7 of 16, 4-grams 4 of 15; 18 words, as long as the nearest reference: no penalty.
    expect(bleu(first, references)).toBeCloseTo(((17 / 18) * (10 / 17) * (7 / 16) * (4 / 15)) ** 0.25, 12);
    // No trigram and no 4-gram of 12 and 11: each counts 0.1. 14 words; 16 are the nearest: penalty e^(1 − 16/14).
    expect(bleu(second, references)).toBeCloseTo(
      ((8 / 14) * (1 / 13) * (0.1 / 12) * (0.1 / 11)) ** 0.25 * Math.exp(1 - 16 / 14),
      12,
    );
    expect(bleu(['other'], [['words']])).toBe(0);
  });

  it('is the mean of each text against all others: by hand on three, by plain BLEU on many', () => {
    const texts = ['a b c d', 'a b c e', 'f g h i'].map(words);
    // The first two: 3 of 4, 2 of 3, 1 of 2, and 0.1 of 1; the third shares no word.
    const pair = ((3 / 4) * (2 / 3) * (1 / 2) * 0.1) ** 0.25;
    expect(selfBleu(texts)).toBeCloseTo((2 * pair) / 3, 12);

    const random = new Random(3);
    const many = Array.from({ length: 40 }, () =>
      Array.from({ length: 1 + random.integer(9) }, () => random.integer(5)),
    );
    const plain = many.map((text, i) =>
      bleu(
        text,
        many.filter((_, j) => j !== i),
      ),
    );
    expect(selfBleu(many)).toBeCloseTo(plain.reduce((sum, value) => sum + value, 0) / 40, 12);
  });

  it('is 1 where all texts of 4 words or more are the same, 0 where they share nothing, NaN for one', () => {
    expect(selfBleu(['a b c d e', 'a b c d e', 'a b c d e'].map(words))).toBeCloseTo(1, 12);
    expect(selfBleu(['a b c d', 'e f g h'].map(words))).toBe(0);
    expect(selfBleu([['a']])).toBeNaN();
  });
});
