import { describe, expect, it } from 'vitest';
import { checkPenalties, penalise, penalising } from './penalties.ts';

describe('penalties', () => {
  it('divide positive logits of tokens that were there by the repetition penalty, and multiply negative ones', () => {
    const logits = Float32Array.of(2, -2, 3, -3, 0);
    penalise(logits, [0, 1, 0], [4], { repetitionPenalty: 1.25 });
    expect([...logits]).toEqual([1.6, -2.5, 3, -3, 0].map(Math.fround));
  });

  it('take the frequency penalty for each time in the completion and the presence penalty once, not for the prompt', () => {
    const logits = Float32Array.of(1, 1, 1, 1);
    penalise(logits, [0, 0], [1, 2, 2, 2], { frequencyPenalty: 0.5, presencePenalty: 0.25 });
    expect([...logits]).toEqual([1, 0.25, -0.75, 1]);
  });

  it('come in the order repetition, frequency, presence', () => {
    const logits = Float32Array.of(4);
    penalise(logits, [], [0, 0], { repetitionPenalty: 2, frequencyPenalty: 1, presencePenalty: 0.5 });
    expect([...logits]).toEqual([4 / 2 - 2 - 0.5]);
  });

  it('are refused by name where they make no sense', () => {
    expect(() => checkPenalties({ repetitionPenalty: 0 })).toThrow('The repetition penalty is 0');
    expect(() => checkPenalties({ frequencyPenalty: Number.NaN })).toThrow('The frequency penalty is NaN');
    expect(() => checkPenalties({ presencePenalty: Number.POSITIVE_INFINITY })).toThrow(
      'The presence penalty is Infinity',
    );
    expect(penalising({ repetitionPenalty: 1, frequencyPenalty: 0 })).toBe(false);
    expect(penalising({ presencePenalty: -0.5 })).toBe(true);
  });
});
