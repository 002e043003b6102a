import type { PromptLine } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import { bootstrapMean, type Interval } from './intervals.ts';
import {
  type SampledCompletion,
  type SamplingOptions,
  sampleCompletions,
  scoreCompletions,
} from './sample.ts';

/**
 * KL(best of n ‖ policy) in nats: log n − (n − 1)/n (Stiennon et al. 2020, appendix G.3). Exact where no two completions
 * score alike and each is improbable; otherwise an upper bound (Beirami et al. 2024).
 */
export function bestOfNKl(n: number): number {
  return Math.log(n) - (n - 1) / n;
}

/**
 * For every k from 1 to n the expected value of the best-scored among k completions, from n samples, without bias: the
 * mean over all C(n,k) subsets (Nakano et al. 2021, appendix I; Gao et al. 2022). In ascending order of scores, the i-th
 * is the best of C(i−1, k−1) of them. Completions with equal scores share their places.
 *
 * @param scores what the best one is chosen by, n numbers
 * @param values what is averaged: the scores themselves, or those of another judge
 * @returns float64 [n], for k = 1, …, n
 */
export function expectedBestOfK(scores: readonly number[], values: readonly number[] = scores): Float64Array {
  const n = scores.length;
  if (n === 0 || values.length !== n) {
    throw new TrainerError(
      `Best-of-n needs a score and a value for each sample, got ${n} scores and ${values.length} values.`,
    );
  }
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  const sorted = order.map((i) => values[i] ?? Number.NaN);
  for (let from = 0; from < n; ) {
    let to = from + 1;
    while (to < n && scores[order[to] ?? 0] === scores[order[from] ?? 0]) to++;
    const shared = sorted.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
    sorted.fill(shared, from, to);
    from = to;
  }
  return Float64Array.from({ length: n }, (_, index) => {
    const k = index + 1;
    // C(i−1, k−1) / C(n, k) from i = n down, as a product: factorials would overflow.
    let weight = k / n;
    let expected = 0;
    for (let i = n; i >= k; i--) {
      expected += weight * (sorted[i - 1] ?? 0);
      weight *= (i - k) / (i - 1);
    }
    return expected;
  });
}

export interface BestOfNOptions extends Omit<SamplingOptions, 'samples' | 'raw'> {
  /** Checkpoint folder of the policy. */
  model: string;
  /** Checkpoint folder of the reward model that the best one is chosen by. */
  reward: string;
  /** Another reward model, which only judges: what the choice is worth to somebody else. */
  gold?: string | undefined;
  /** Completions a prompt. */
  n: number;
  /** Score of a completion that never ended, as in PPO. */
  missingEndOfTextScore: number;
}

/** What sampling and scoring gave of one prompt. */
export interface ScoredPrompt {
  prompt: PromptLine['prompt'];
  id?: string | undefined;
  completions: string[];
  /** whether each ended by itself */
  finished: boolean[];
  /** normalised scores of the reward model */
  scores: number[];
  gold?: number[];
  /** the best-scored completion that ended by itself, as an index; null when none did, or it says nothing */
  best: number | null;
}

/** Best of k: its KL to the policy, and the reward that it gets. */
export interface BestOfK {
  k: number;
  /** nats, `bestOfNKl` */
  kl: number;
  /** mean over prompts, with a 95 % interval bootstrapped over them */
  reward: Interval;
  gold?: Interval;
}

/**
 * Best-of-n sampling, the simple baseline of PPO: n completions of each prompt, the reward model's favourite among them,
 * and what k = 1, …, n of them are worth.
 *
 * @throws TrainerError when there is no prompt, or a folder does not hold what it should
 */
export async function sampleBestOfN(
  prompts: readonly PromptLine[],
  options: BestOfNOptions,
): Promise<{ prompts: ScoredPrompt[]; bestOf: BestOfK[] }> {
  const { model, reward, gold, n, seed } = options;
  if (prompts.length === 0) throw new TrainerError('Best-of-n needs at least one prompt, got none.');
  if (options.temperature === 0 && n > 1) {
    throw new TrainerError(
      `At temperature 0 all ${n} completions of a prompt are the same: expected one above 0.`,
    );
  }
  const completions = await sampleCompletions(
    model,
    prompts.map(({ prompt }) => prompt),
    { ...options, samples: n },
  );
  const scores = await scoreAll(reward, prompts, completions, options);
  const golds = gold === undefined ? null : await scoreAll(gold, prompts, completions, options);
  const scored = prompts.map(({ prompt, id }, i): ScoredPrompt => {
    const own = completions[i] ?? [];
    const goldScores = golds?.[i];
    return {
      prompt,
      ...(id === undefined ? {} : { id }),
      completions: own.map(({ text }) => text),
      finished: own.map(({ finished }) => finished),
      scores: scores[i] ?? [],
      ...(goldScores ? { gold: goldScores } : {}),
      best: bestFinished(own, scores[i] ?? []),
    };
  });
  return { prompts: scored, bestOf: curve(scored, seed) };
}

/** Scores by prompt. A completion that never ended has one score whatever it says. */
async function scoreAll(
  folder: string,
  prompts: readonly PromptLine[],
  completions: readonly SampledCompletion[][],
  { missingEndOfTextScore }: BestOfNOptions,
): Promise<number[][]> {
  const items = prompts.flatMap(({ prompt }, i) =>
    (completions[i] ?? []).map(({ text, finished }) => ({ prompt, completion: text, finished })),
  );
  const scores = await scoreCompletions(folder, items);
  let at = 0;
  return completions.map((own) =>
    own.map(({ finished }) => {
      const score = scores[at++] ?? Number.NaN;
      return finished ? score : missingEndOfTextScore;
    }),
  );
}

function bestFinished(completions: readonly SampledCompletion[], scores: readonly number[]): number | null {
  let best: number | null = null;
  for (const [i, { finished, text }] of completions.entries()) {
    if (!finished || text.trim() === '') continue;
    if (best === null || (scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  }
  return best;
}

function curve(prompts: readonly ScoredPrompt[], seed: number): BestOfK[] {
  const rewards = prompts.map(({ scores }) => expectedBestOfK(scores));
  const golds = prompts.flatMap(({ scores, gold }) => (gold ? [expectedBestOfK(scores, gold)] : []));
  const at = (values: readonly Float64Array[], index: number): Interval =>
    bootstrapMean(
      values.map((own) => own[index] ?? Number.NaN),
      { seed, resamples: 1000 },
    );
  return Array.from(rewards[0] ?? [], (_, index) => ({
    k: index + 1,
    kl: bestOfNKl(index + 1),
    reward: at(rewards, index),
    ...(golds.length > 0 ? { gold: at(golds, index) } : {}),
  }));
}
