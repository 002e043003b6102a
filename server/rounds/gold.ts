import { bootstrapMean } from '@touchstone/trainer/evaluation/intervals.ts';
import { type Comparison, winRate } from '@touchstone/trainer/evaluation/win-rate.ts';
import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { rounds } from '@/db/schema.ts';
import { SLOTS, type Slot } from './evaluation-result.ts';
import { evaluationAnswers, type GoldFigures } from './report.ts';
import { readRound } from './rounds.ts';

const SEED = 20_220_304;

/**
 * Judges a finished round's evaluation answers by a known rubric, which only a made-up world has, and adds the figures to
 * the round's report.
 *
 * @param judge gold score of an answer, from 0 to 1
 */
export async function addGold(
  db: Database,
  roundId: string,
  judge: (prompt: string, answer: string) => number,
): Promise<GoldFigures> {
  const [row] = await db.select().from(rounds).where(eq(rounds.id, roundId));
  if (!row) throw new Error('There is no such round.');
  const round = readRound(row);
  const models = { base: round.baseModelId, sft: round.inputs.sftModelId, ppo: round.inputs.ppoModelId };
  const answers = await evaluationAnswers(db, round);
  /** Gold scores by prompt, of each model. */
  const scores: Record<Slot, Map<string, number>> = { base: new Map(), sft: new Map(), ppo: new Map() };
  for (const answer of answers) {
    for (const slot of SLOTS) {
      if (answer.modelId === models[slot]) {
        scores[slot].set(answer.promptId, judge(answer.prompt, answer.text));
      }
    }
  }
  const mean = (slot: Slot) => bootstrapMean([...scores[slot].values()], { seed: SEED });
  const wins = (model: Slot, over: Slot) => {
    const comparisons: Comparison[] = [...scores[model]].map(([prompt, score]) => {
      const other = scores[over].get(prompt) ?? 0;
      return { prompt, outcome: score === other ? 'tie' : score > other ? 'win' : 'loss' };
    });
    return winRate(comparisons, { seed: SEED });
  };
  const gold: GoldFigures = {
    score: { base: mean('base'), sft: mean('sft'), ppo: mean('ppo') },
    winRate: {
      sftOverBase: wins('sft', 'base'),
      ppoOverSft: wins('ppo', 'sft'),
      ppoOverBase: wins('ppo', 'base'),
    },
  };
  await db
    .update(rounds)
    .set({ report: { ...round.report, gold } })
    .where(eq(rounds.id, roundId));
  return gold;
}
