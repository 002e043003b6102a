import { TrainerError } from '../../errors.ts';

/** What makes tokens that were already there less likely; applied to the logits, before the temperature. */
export interface Penalties {
  /**
   * logits of tokens of the prompt or the completion are divided by it where positive, multiplied where negative (Keskar
   * et al. 2019, CTRL, section 4.1, in transformers' form for negative logits); 1 changes nothing
   */
  repetitionPenalty?: number | undefined;
  /** taken from a token's logit for each time that the completion has it (OpenAI's API); 0 changes nothing */
  frequencyPenalty?: number | undefined;
  /** taken from the logit of every token that the completion has (OpenAI's API); 0 changes nothing */
  presencePenalty?: number | undefined;
}

/** Whether any of them changes anything. */
export function penalising({
  repetitionPenalty = 1,
  frequencyPenalty = 0,
  presencePenalty = 0,
}: Penalties): boolean {
  return repetitionPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
}

/** @throws TrainerError that names the option */
export function checkPenalties({
  repetitionPenalty = 1,
  frequencyPenalty = 0,
  presencePenalty = 0,
}: Penalties): void {
  if (!(repetitionPenalty > 0 && repetitionPenalty < Number.POSITIVE_INFINITY)) {
    throw new TrainerError(
      `The repetition penalty is ${repetitionPenalty}: expected a number above 0 (1 for none).`,
    );
  }
  for (const [name, value] of [
    ['frequency', frequencyPenalty],
    ['presence', presencePenalty],
  ] as const) {
    if (!Number.isFinite(value)) {
      throw new TrainerError(`The ${name} penalty is ${value}: expected a finite number (0 for none).`);
    }
  }
}

/**
 * Penalises one row of logits in place. The order is that of vLLM: repetition, then frequency, then presence.
 * @param logits float32 [V]
 * @param prompt its tokens count for the repetition penalty alone
 */
export function penalise(
  logits: Float32Array,
  prompt: readonly number[],
  completion: readonly number[],
  { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 }: Penalties,
): void {
  const counts = new Map<number, number>();
  for (const token of prompt) counts.set(token, 0);
  for (const token of completion) counts.set(token, (counts.get(token) ?? 0) + 1);
  for (const [token, count] of counts) {
    let logit = logits[token] ?? 0;
    logit = logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty;
    logit -= count * frequencyPenalty;
    if (count > 0) logit -= presencePenalty;
    logits[token] = logit;
  }
}
