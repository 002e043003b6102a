import { type GroupRanking, pairwiseAgreement } from '@touchstone/trainer/evaluation/agreement.ts';
import { bootstrapInterval, bootstrapMean, type Interval } from '@touchstone/trainer/evaluation/intervals.ts';
import { type Comparison, winRate } from '@touchstone/trainer/evaluation/win-rate.ts';
import { and, asc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '@/db/client.ts';
import {
  completions,
  matches,
  models,
  prompts,
  rankings,
  roundTransitions,
  runs,
  tasks,
} from '@/db/schema.ts';
import { type EvaluationResult, evaluationResult, type Slot } from './evaluation-result.ts';
import { placesOf } from './matches.ts';
import type { Preference, RoundReport } from './report-schema.ts';
import type { Round } from './rounds.ts';
import { countRoundLabels } from './tasks.ts';

export type { GoldFigures, RoundReport } from './report-schema.ts';

const SEED = 20_220_304;
const PAIRS: readonly (readonly [Slot, Slot])[] = [
  ['sft', 'base'],
  ['ppo', 'sft'],
  ['ppo', 'base'],
];
const SHOWN_SAMPLES = 12;

/** The figures of a finished round, from the database and from what the evaluation job measured. */
export async function computeReport(
  tx: Transaction,
  round: Round,
  jobResult: Record<string, unknown>,
): Promise<RoundReport> {
  const measured: EvaluationResult = evaluationResult.parse(jobResult);
  const slots = slotModels(round);
  const answers = await evaluationAnswers(tx, round);
  const preferences = await preferencesOf(tx, round);
  const per = <T>(of: (slot: Slot) => T): Record<Slot, T> => ({
    base: of('base'),
    sft: of('sft'),
    ppo: of('ppo'),
  });
  const own = per((slot) => answers.filter((answer) => answer.modelId === slots[slot]));
  const rewardScore = per((slot) =>
    bootstrapMean(
      own[slot].map((answer) => answer.reward ?? 0),
      { seed: SEED },
    ),
  );
  const ppoOverSft = preferences.find(({ model, over }) => model === 'ppo' && over === 'sft');
  return {
    models: await namedModels(tx, round),
    preferences,
    rewardScore,
    rewardModel: {
      accuracy: await rewardAccuracy(tx, round),
      labelerAgreement: await labelerAgreement(tx, round.id),
    },
    kl: measured.kl,
    entropy: measured.entropy,
    distinctBigrams: measured.distinctBigrams,
    finished: per((slot) => average(own[slot].map((answer) => (answer.finished ? 1 : 0)))),
    length: per((slot) => average(own[slot].map((answer) => answer.tokens ?? 0))),
    seconds: await secondsOf(tx, round),
    labels: await labelCounts(tx, round.id),
    resumed: await resumedRuns(tx, round),
    overOptimised:
      ppoOverSft !== undefined && ppoOverSft.high < 0.5 && rewardScore.ppo.low > rewardScore.sft.high,
    samples: samplesOf(answers, slots),
  };
}

const average = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

function slotModels(round: Round): Record<Slot, string | null> {
  return { base: round.baseModelId, sft: round.inputs.sftModelId, ppo: round.inputs.ppoModelId };
}

/** An answer that the evaluation job had a model write. */
export interface EvaluationAnswer {
  modelId: string | null;
  promptId: string;
  prompt: string;
  text: string;
  reward: number | null;
  tokens: number | null;
  finished: boolean;
}

/** The evaluation's answers, prompt by prompt. */
export async function evaluationAnswers(db: Executor, round: Pick<Round, 'id'>): Promise<EvaluationAnswer[]> {
  const rows = await db
    .select({
      modelId: completions.modelId,
      promptId: completions.promptId,
      messages: prompts.messages,
      text: completions.text,
      reward: completions.reward,
      tokens: completions.tokens,
      finished: completions.finished,
    })
    .from(completions)
    .innerJoin(prompts, eq(prompts.id, completions.promptId))
    .where(and(eq(completions.roundId, round.id), eq(completions.source, 'evaluation')))
    .orderBy(asc(completions.promptId), asc(completions.id));
  return rows.map(({ messages, ...row }) => ({ ...row, prompt: messages.at(-1)?.content ?? '' }));
}

async function preferencesOf(tx: Transaction, round: Round): Promise<Preference[]> {
  const slots = slotModels(round);
  const rows = await tx
    .select({
      promptId: matches.promptId,
      modelA: matches.modelA,
      modelB: matches.modelB,
      outcome: matches.outcome,
    })
    .from(matches)
    .where(eq(matches.roundId, round.id));
  return PAIRS.flatMap(([model, over]) => {
    const comparisons = rows.flatMap((row): Comparison[] => {
      const straight = row.modelA === slots[model] && row.modelB === slots[over];
      const reversed = row.modelA === slots[over] && row.modelB === slots[model];
      if (!straight && !reversed) return [];
      if (row.outcome === 'tie') return [{ prompt: row.promptId, outcome: 'tie' }];
      const won = (row.outcome === 'a') === straight;
      return [{ prompt: row.promptId, outcome: won ? 'win' : 'loss' }];
    });
    if (comparisons.length === 0) return [];
    return [{ model, over, votes: comparisons.length, ...winRate(comparisons, { seed: SEED }) }];
  });
}

async function namedModels(tx: Transaction, round: Round): Promise<RoundReport['models']> {
  const ids = { ...slotModels(round), reward: round.inputs.rewardModelId };
  const wanted = Object.values(ids).filter((id) => id !== null);
  const rows = await tx
    .select({ id: models.id, name: models.name, kind: models.kind })
    .from(models)
    .where(inArray(models.id, wanted));
  const find = (id: string | null) => rows.find((row) => row.id === id) ?? null;
  return { base: find(ids.base), sft: find(ids.sft), ppo: find(ids.ppo), reward: find(ids.reward) };
}

async function rewardAccuracy(tx: Transaction, round: Round): Promise<Interval | null> {
  if (round.inputs.rewardModelId === null) return null;
  const [model] = await tx
    .select({ metrics: models.metrics })
    .from(models)
    .where(eq(models.id, round.inputs.rewardModelId));
  const { validationAccuracy, validationAccuracyLow, validationAccuracyHigh } = model?.metrics ?? {};
  if (
    validationAccuracy === undefined ||
    validationAccuracyLow === undefined ||
    validationAccuracyHigh === undefined
  )
    return null;
  return { mean: validationAccuracy, low: validationAccuracyLow, high: validationAccuracyHigh };
}

async function labelerAgreement(
  tx: Transaction,
  roundId: string,
): Promise<RoundReport['rewardModel']['labelerAgreement']> {
  const rows = await tx
    .select({ taskId: rankings.taskId, labelerId: rankings.labelerId, groups: rankings.groups })
    .from(rankings)
    .innerJoin(tasks, eq(tasks.id, rankings.taskId))
    .where(
      and(
        eq(tasks.roundId, roundId),
        eq(tasks.purpose, 'training'),
        isNull(rankings.supersededAt),
        eq(rankings.late, false),
      ),
    );
  const byTask = new Map<string, GroupRanking[]>();
  for (const { taskId, labelerId, groups } of rows) {
    const places = placesOf(groups);
    const ranks = [...places.keys()].sort().map((id) => places.get(id) ?? 0);
    byTask.set(taskId, [...(byTask.get(taskId) ?? []), { group: taskId, labeler: labelerId, ranks }]);
  }
  const doubly = [...byTask.values()].filter((task) => pairwiseAgreement(task).pairs > 0);
  if (doubly.length === 0) return null;
  const rate = (sample: readonly GroupRanking[][]): number => {
    // A task drawn twice counts twice: the counts are added, not the rankings pooled.
    let agreed = 0;
    let pairs = 0;
    for (const task of sample) {
      const own = pairwiseAgreement(task);
      agreed += own.agreed;
      pairs += own.pairs;
    }
    return agreed / pairs;
  };
  const pairs = doubly.reduce((sum, task) => sum + pairwiseAgreement(task).pairs, 0);
  return { ...bootstrapInterval(doubly, rate, { seed: SEED, resamples: 1000 }), pairs };
}

/** Seconds in each state: from entering it to entering the next. */
export async function secondsOf(db: Executor, round: Round): Promise<Record<string, number>> {
  const moves = await db
    .select({ from: roundTransitions.fromState, at: roundTransitions.createdAt })
    .from(roundTransitions)
    .where(eq(roundTransitions.roundId, round.id))
    .orderBy(asc(roundTransitions.createdAt));
  const seconds: Record<string, number> = {};
  if (round.inputs.pretrainRunId !== null) {
    const [run] = await db
      .select({ startedAt: runs.startedAt, finishedAt: runs.finishedAt })
      .from(runs)
      .where(eq(runs.id, round.inputs.pretrainRunId));
    if (run?.startedAt && run.finishedAt) seconds.pretrain = between(run.startedAt, run.finishedAt);
  }
  let since = round.createdAt;
  for (const { from, at } of moves) {
    seconds[from] = between(since, at);
    since = at;
  }
  // The last move, to done, is being made in this very transaction.
  if (round.state !== 'done') seconds[round.state] = between(since, new Date());
  return seconds;
}

const between = (from: Date, to: Date): number => Math.max(0, (to.getTime() - from.getTime()) / 1000);

async function labelCounts(tx: Transaction, roundId: string): Promise<RoundReport['labels']> {
  const [people] = await tx.execute<{ count: number }>(sql`
    select count(distinct labeler_id)::int as count from assignments
    join tasks on tasks.id = assignments.task_id
    where tasks.round_id = ${roundId} and assignments.state = 'submitted'`);
  return {
    demonstrations: await countRoundLabels(tx, roundId, 'demonstration', 'training'),
    rankings: await countRoundLabels(tx, roundId, 'ranking', 'training'),
    votes: await countRoundLabels(tx, roundId, 'ranking', 'evaluation'),
    labelers: people?.count ?? 0,
  };
}

async function resumedRuns(tx: Transaction, round: Round): Promise<number> {
  const ids = [
    round.inputs.pretrainRunId,
    round.inputs.sftRunId,
    round.inputs.rewardRunId,
    round.inputs.ppoRunId,
  ].filter((id) => id !== null);
  if (ids.length === 0) return 0;
  const [row] = await tx
    .select({ count: sql<number>`coalesce(sum(${runs.resumeCount}), 0)::int` })
    .from(runs)
    .where(and(inArray(runs.id, ids), isNotNull(runs.startedAt)));
  return row?.count ?? 0;
}

function samplesOf(
  answers: readonly EvaluationAnswer[],
  slots: Record<Slot, string | null>,
): RoundReport['samples'] {
  const byPrompt = new Map<string, EvaluationAnswer[]>();
  for (const answer of answers) {
    byPrompt.set(answer.promptId, [...(byPrompt.get(answer.promptId) ?? []), answer]);
  }
  return [...byPrompt.values()].slice(0, SHOWN_SAMPLES).map((group) => {
    const text = (slot: Slot) => group.find((answer) => answer.modelId === slots[slot])?.text ?? '';
    return {
      prompt: group[0]?.prompt ?? '',
      answers: { base: text('base'), sft: text('sft'), ppo: text('ppo') },
    };
  });
}
