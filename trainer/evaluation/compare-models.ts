import type { Ranking } from '../data/json-lines.ts';
import type { Prompt } from '../data/template.ts';
import { TrainerError } from '../errors.ts';
import { readMetadata } from '../model/checkpoint.ts';
import { type PairwiseAgreement, pairwiseAgreement, rankingsByText } from './agreement.ts';
import { compareBlindly } from './blind-comparison.ts';
import { eloRatings, type Match } from './bradley-terry.ts';
import { type Interval, mean } from './intervals.ts';
import {
  type JudgedCompletions,
  type MeasuredModel,
  type ModelSettings,
  measureModel,
  type NamedModel,
} from './models.ts';
import {
  bestOfNKl,
  bestOfNValues,
  fitGoldReward,
  type GoldFit,
  type GoldPoint,
} from './over-optimization.ts';
import { type RewardAccuracy, rewardAccuracy } from './ranked-pairs.ts';
import { type RunCurves, readRunCurves } from './run-curves.ts';
import { scoreCompletions } from './sample.ts';
import { type Comparison, winRate } from './win-rate.ts';

/** How often one model's answer is judged better than another's to the same prompt. */
export interface WinRate {
  model: string;
  over: string;
  winRate: Interval;
}

/** What one judge thinks of the models: the reward model, which training may have deceived, or the gold rubric. */
export interface Judgement {
  judge: 'reward model' | 'gold rubric';
  /** Every later model over every earlier one. */
  winRates: WinRate[];
  /** Elo by Bradley–Terry, the first model at 1000, with one draw added between every two. */
  elo: { model: string; rating: Interval }[];
}

/** A policy on its way from the reference. */
export interface CoursePoint {
  name: string;
  /** Nats per completion: k3 of the policy, or ln n − (n − 1)/n of best-of-n. */
  kl: number;
  /** √KL */
  distance: number;
  /** Mean normalised score of the reward model. */
  proxy: number;
  /** Mean gold reward; null without a rubric. */
  gold: number | null;
}

/** Proxy and gold reward over √KL (Gao et al. 2022). */
export interface Course {
  reference: string;
  policies: CoursePoint[];
  /** The reference's own samples, best of n by the reward model. */
  bestOfN: CoursePoint[];
  /** Null without a rubric, or with too few points. */
  policyFit: GoldFit | null;
  bestOfNFit: GoldFit | null;
}

/** Everything that `touchstone evaluate` measured. JSON writes NaN as null. */
export interface Evaluation {
  settings: {
    prompts: number;
    samples: number;
    maxNewTokens: number;
    temperature: number;
    topK: number | null;
    topP: number | null;
    seed: number;
    reference: string;
    reward: string | null;
    reading: ModelSettings['reading'];
  };
  models: MeasuredModel[];
  judgements: Judgement[];
  rewardModel: (RewardAccuracy & { folder: string; labelers: PairwiseAgreement }) | null;
  course: Course | null;
  runs: RunCurves[];
  /** Completions side by side, the first of each model to the first prompts. */
  samples: {
    prompt: Prompt;
    answers: { model: string; text: string; finished: boolean; reward: number | null; gold: number | null }[];
  }[];
}

export interface ComparisonSettings extends ModelSettings {
  /** Rankings to hold the reward model against. */
  rankings?: readonly Ranking[] | undefined;
  /** Further checkpoints of the policy, for the course over √KL alone. */
  checkpoints: readonly NamedModel[];
  runs: readonly string[];
  /** Prompts whose completions are kept. */
  shown: number;
}

/**
 * Measures models side by side on the same prompts: reward, KL, entropy, diversity, perplexity, win rates by the reward
 * model and by a rubric where there is one, the reward model's own accuracy, and the course of proxy and gold over √KL.
 *
 * @throws TrainerError that names the folder or file that is not as expected
 */
export async function compareModels(
  models: readonly NamedModel[],
  settings: ComparisonSettings,
  say: (line: string) => void,
): Promise<Evaluation> {
  const { prompts, reference, reward } = settings;
  const runs = settings.runs.map(readRunCurves);
  const measured: MeasuredModel[] = [];
  const judged = new Map<string, JudgedCompletions>();
  for (const model of models) {
    const result = await measureModel(model, settings, say);
    measured.push(result.measured);
    judged.set(model.name, result.judged);
  }
  const onTheWay: MeasuredModel[] = [];
  for (const checkpoint of settings.checkpoints) {
    const plain = { ...settings, documents: undefined, demonstrations: undefined };
    onTheWay.push((await measureModel(checkpoint, plain, say)).measured);
  }
  return {
    settings: {
      prompts: prompts.length,
      samples: settings.samples,
      maxNewTokens: settings.maxNewTokens,
      temperature: settings.temperature,
      topK: settings.topK ?? null,
      topP: settings.topP ?? null,
      seed: settings.seed,
      reference: reference.name,
      reward: reward ?? null,
      reading: settings.reading,
    },
    models: measured,
    judgements: judge(models, judged, settings),
    rewardModel:
      reward !== undefined && settings.rankings
        ? await measureRewardModel(reward, settings.rankings, settings.seed, say)
        : null,
    course: courseOf(measured, onTheWay, judged.get(reference.name), settings),
    runs,
    samples: prompts.slice(0, settings.shown).map((prompt, i) => ({
      prompt,
      answers: models.flatMap(({ name }) => {
        const own = judged.get(name);
        const completion = own?.completions[i]?.[0];
        if (!completion) return [];
        return {
          model: name,
          text: completion.text,
          finished: completion.finished,
          reward: own.rewards?.[i]?.[0] ?? null,
          gold: own.golds?.[i]?.[0] ?? null,
        };
      }),
    })),
  };
}

/**
 * A reward model against rankings. Calibration needs raw scores, so differences of normalised ones are divided by the gain.
 *
 * @throws TrainerError when the rankings order nothing
 */
export async function measureRewardModel(
  reward: string,
  rankings: readonly Ranking[],
  seed: number,
  say: (line: string) => void,
): Promise<RewardAccuracy & { folder: string; labelers: PairwiseAgreement }> {
  say(`Reward model: scoring the completions of ${rankings.length} rankings.`);
  const scores = await scoreCompletions(
    reward,
    rankings.flatMap(({ prompt, completions }) => completions.map((completion) => ({ prompt, completion }))),
  );
  const gain = readMetadata(reward)?.rewardGain ?? 1;
  let offset = 0;
  const raw = rankings.map(({ completions }) => {
    offset += completions.length;
    return scores.slice(offset - completions.length, offset).map((score) => score / gain);
  });
  return {
    folder: reward,
    ...rewardAccuracy(rankings, raw, { seed }),
    labelers: pairwiseAgreement(rankingsByText(rankings)),
  };
}

function judge(
  models: readonly NamedModel[],
  judged: ReadonlyMap<string, JudgedCompletions>,
  settings: ComparisonSettings,
): Judgement[] {
  const judgements: Judgement[] = [];
  const add = (
    name: Judgement['judge'],
    compare: (one: JudgedCompletions, other: JudgedCompletions) => Comparison[],
  ): void => {
    const winRates: WinRate[] = [];
    const matches: Match[] = [];
    for (const [a, model] of models.entries()) {
      for (const over of models.slice(0, a)) {
        const [one, other] = [judged.get(model.name), judged.get(over.name)];
        if (!one || !other) continue;
        const comparisons = compare(one, other);
        winRates.push({
          model: model.name,
          over: over.name,
          winRate: winRate(comparisons, { seed: settings.seed }),
        });
        for (const { prompt, outcome } of comparisons) {
          matches.push({ first: model.name, second: over.name, outcome, prompt });
        }
      }
    }
    const [anchor] = models;
    if (!anchor || matches.length === 0) return;
    const elo = eloRatings(matches, { anchor: anchor.name, seed: settings.seed, priorTies: 1 });
    judgements.push({
      judge: name,
      winRates,
      elo: models.flatMap(({ name: model }) => {
        const rating = elo.get(model);
        return rating ? { model, rating } : [];
      }),
    });
  };
  const [first] = judged.values();
  // Each answer is scored alone, so that there is no position to draw.
  if (first?.rewards) add('reward model', compareScores);
  if (first?.golds) {
    add('gold rubric', (one, other) => compareByRubric(one, other, settings));
  }
  return judgements;
}

function compareScores(one: JudgedCompletions, other: JudgedCompletions): Comparison[] {
  return (one.rewards ?? []).flatMap((own, i) =>
    own.map((score, j): Comparison => {
      const difference = score - (other.rewards?.[i]?.[j] ?? Number.NaN);
      return { prompt: `${i}`, outcome: difference > 0 ? 'win' : difference < 0 ? 'loss' : 'tie' };
    }),
  );
}

/** The rubric reads two texts, as a person would: blind, and in an order that is drawn. */
function compareByRubric(
  one: JudgedCompletions,
  other: JudgedCompletions,
  { prompts, gold, seed }: ComparisonSettings,
): Comparison[] {
  const pairs = one.completions.flatMap((own, i) =>
    own.map(({ text }, j) => ({
      prompt: `${i}`,
      first: text,
      second: other.completions[i]?.[j]?.text ?? '',
    })),
  );
  const worth = (prompt: string, text: string): number => gold?.(prompts[Number(prompt)] ?? '', text) ?? 0;
  return compareBlindly(
    pairs,
    (prompt, left, right) => {
      const difference = worth(prompt, left) - worth(prompt, right);
      return difference > 0 ? 'left' : difference < 0 ? 'right' : 'tie';
    },
    seed,
  );
}

/** The course of proxy and gold: what PPO made (and its checkpoints), and best-of-n of the reference's samples. */
function courseOf(
  models: readonly MeasuredModel[],
  checkpoints: readonly MeasuredModel[],
  reference: JudgedCompletions | undefined,
  settings: ComparisonSettings,
): Course | null {
  if (settings.reward === undefined) return null;
  const start = models.find(({ name }) => name === settings.reference.name);
  const policies = [...checkpoints, ...models.filter(({ stage }) => stage === 'ppo')].flatMap(
    ({ name, klToReference, reward, gold }): CoursePoint[] =>
      klToReference && reward
        ? [
            {
              name,
              kl: klToReference.k3,
              distance: Math.sqrt(klToReference.k3),
              proxy: reward.mean,
              gold: gold?.mean ?? null,
            },
          ]
        : [],
  );
  const bestOfN = bestOfNCourse(reference);
  if (policies.length + bestOfN.length === 0) return null;
  const startGold = start?.gold?.mean ?? 0;
  const fit = (points: readonly CoursePoint[], form: GoldFit['form']): GoldFit | null => {
    const known = points.flatMap(({ distance, gold }): GoldPoint[] =>
      gold === null ? [] : [{ distance, gold: gold - startGold }],
    );
    try {
      return fitGoldReward(known, form);
    } catch (error) {
      // Too few policies, or all as far: there is no curve, and the points stand for themselves.
      if (error instanceof TrainerError) return null;
      throw error;
    }
  };
  return {
    reference: settings.reference.name,
    policies: policies.sort((a, b) => a.distance - b.distance),
    bestOfN,
    policyFit: fit(policies, 'rl'),
    bestOfNFit: fit(bestOfN, 'best-of-n'),
  };
}

function bestOfNCourse(reference: JudgedCompletions | undefined): CoursePoint[] {
  const rewards = reference?.rewards;
  const samples = rewards?.[0]?.length ?? 0;
  if (!rewards || samples < 2) return [];
  const proxies = rewards.map((own) => bestOfNValues(own, own));
  const golds = reference.golds?.map((own, i) => bestOfNValues(rewards[i] ?? [], own));
  return Array.from({ length: samples }, (_, index) => {
    const kl = bestOfNKl(index + 1);
    return {
      name: `best of ${index + 1}`,
      kl,
      distance: Math.sqrt(kl),
      proxy: mean(proxies.map((own) => own[index] ?? Number.NaN)),
      gold: golds ? mean(golds.map((own) => own[index] ?? Number.NaN)) : null,
    };
  });
}
