import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { completions, rounds, roundTransitions, runMetrics, runSamples, runs } from '@/db/schema.ts';
import type { RoundReport } from '../rounds/report.ts';
import { roundConfig, roundInputs } from '../rounds/settings.ts';
import { MORE_PROMPTS } from './texts.ts';

/** The models of one round, by kind. */
export interface Line {
  sft: string;
  reward: string;
  ppo: string;
  base: string;
}

/** A wave with noise, the same every time, that goes from `from` to `to`. */
function curve(step: number, steps: number, from: number, to: number, noise: number): number {
  const t = step / steps;
  const wobble = Math.sin(step * 12.9898) * 43_758.5453;
  return to + (from - to) * Math.exp(-4 * t) + (wobble - Math.floor(wobble) - 0.5) * noise;
}

async function seedRun(
  db: Database,
  input: {
    projectId: string;
    roundId: string;
    stage: 'sft' | 'reward' | 'ppo';
    steps: number;
    done: number;
    parentModelId: string;
    values(step: number): Record<string, number>;
    resumedFrom?: number;
  },
): Promise<string> {
  const finished = input.done === input.steps;
  const [run] = await db
    .insert(runs)
    .values({
      projectId: input.projectId,
      roundId: input.roundId,
      name: `Round ${input.stage === 'ppo' && !finished ? 2 : 1} ${input.stage.toUpperCase()}`,
      stage: input.stage,
      status: finished ? 'completed' : 'running',
      config: { seed: 1, batchSize: 64, learningRate: 3e-4 },
      parentModelId: input.parentModelId,
      step: input.done,
      totalSteps: input.steps,
      resumedFrom: input.resumedFrom ?? null,
      resumeCount: input.resumedFrom === undefined ? 0 : 1,
      message: '3,412 tokens/s',
      startedAt: new Date(Date.now() - 96_000),
      finishedAt: finished ? new Date() : null,
    })
    .returning({ id: runs.id });
  if (!run) throw new Error('no run');
  const steps = Array.from({ length: input.done }, (_, index) => index + 1);
  await db
    .insert(runMetrics)
    .values(steps.map((step) => ({ runId: run.id, step, values: input.values(step) })));
  const sampled = [1, Math.floor(input.done / 2), input.done];
  await db.insert(runSamples).values(
    sampled.flatMap((step, at) =>
      MORE_PROMPTS.slice(0, 4).map((prompt, position) => ({
        runId: run.id,
        step,
        position,
        prompt,
        completion:
          at === 0
            ? 'the the of the. What is the moon? Who is the moon? What is'
            : at === 1
              ? 'Put it where the light is best and water it when the soil is dry.'
              : 'Move it to the brightest sill you have, water when the top of the soil is dry, and pinch the tips weekly.',
        reward: input.stage === 'ppo' ? at - 0.8 + position * 0.11 : null,
      })),
    ),
  );
  return run.id;
}

const ppoValues = (steps: number) => (step: number) => ({
  rewardMean: curve(step, steps, -0.4, 1.9, 0.4),
  klToReference: Math.max(0, curve(step, steps, 0, 6.2, 0.6)),
  entropy: curve(step, steps, 2.3, 1.31, 0.08),
  policyLoss: curve(step, steps, 0.01, -0.03, 0.03),
  valueLoss: curve(step, steps, 0.8, 0.12, 0.06),
  responseLength: curve(step, steps, 22, 31, 3),
  tokensPerSecond: curve(step, steps, 2900, 3400, 300),
});

/** A round that is done, with its report. */
export async function seedDoneRound(
  db: Database,
  projectId: string,
  baseId: string,
  line: Line,
): Promise<string> {
  const inputs = roundInputs.parse({
    parentModelId: baseId,
    sftModelId: line.sft,
    rewardModelId: line.reward,
    ppoModelId: line.ppo,
  });
  const interval = (mean: number, arm: number) => ({ mean, low: mean - arm, high: mean + arm });
  const named = (id: string, name: string, kind: string) => ({ id, name, kind });
  const report: RoundReport = {
    models: {
      base: named(baseId, 'documents, 1.9 M', 'base'),
      sft: named(line.sft, 'Round 1 SFT', 'sft'),
      ppo: named(line.ppo, 'Round 1 PPO', 'ppo'),
      reward: named(line.reward, 'Round 1 reward', 'reward'),
    },
    preferences: [
      { model: 'sft', over: 'base', votes: 180, ...interval(0.871, 0.038) },
      { model: 'ppo', over: 'sft', votes: 180, ...interval(0.724, 0.052) },
      { model: 'ppo', over: 'base', votes: 180, ...interval(0.913, 0.031) },
    ],
    rewardScore: { base: interval(-1.31, 0.11), sft: interval(0.02, 0.13), ppo: interval(1.42, 0.09) },
    rewardModel: {
      accuracy: interval(0.728, 0.034),
      labelerAgreement: { ...interval(0.751, 0.029), pairs: 612 },
    },
    kl: 6.21,
    entropy: { base: 2.41, sft: 1.86, ppo: 1.12 },
    distinctBigrams: { base: 0.71, sft: 0.66, ppo: 0.58 },
    finished: { base: 0.12, sft: 0.97, ppo: 0.99 },
    length: { base: 46.2, sft: 19.8, ppo: 23.4 },
    seconds: {
      pretrain: 61,
      demonstrations: 44,
      sft: 18,
      sampling: 9,
      ranking: 31,
      reward: 22,
      ppo: 74,
      evaluation: 26,
    },
    labels: { demonstrations: 240, rankings: 320, votes: 180, labelers: 10 },
    resumed: 1,
    overOptimised: false,
    samples: MORE_PROMPTS.slice(0, 3).map((prompt) => ({
      prompt,
      answers: {
        base: 'How do I keep a cat alive? How do I keep a fish alive? How do I',
        sft: 'Water it when the soil is dry and give it light.',
        ppo: 'Move it to the brightest sill you have, water when the top of the soil is dry, and pinch the tips weekly.',
      },
    })),
    gold: {
      score: { base: interval(0.18, 0.03), sft: interval(0.61, 0.035), ppo: interval(0.78, 0.028) },
      winRate: {
        sftOverBase: interval(0.89, 0.03),
        ppoOverSft: interval(0.7, 0.05),
        ppoOverBase: interval(0.93, 0.02),
      },
    },
  };
  const created = new Date(Date.now() - 3_600_000);
  const [round] = await db
    .insert(rounds)
    .values({
      projectId,
      number: 1,
      name: 'Round 1',
      state: 'done',
      status: 'done',
      targets: { demonstrations: 240, rankings: 320, votes: 180 },
      config: roundConfig.parse({}),
      inputs: { ...inputs },
      baseModelId: baseId,
      report: { ...report },
      createdAt: created,
      finishedAt: new Date(Date.now() - 3_300_000),
    })
    .returning({ id: rounds.id });
  if (!round) throw new Error('no round');
  const moves = ['demonstrations', 'sft', 'sampling', 'ranking', 'reward', 'ppo', 'evaluation', 'done'];
  await db.insert(roundTransitions).values(
    moves.slice(1).map((toState, index) => ({
      roundId: round.id,
      fromState: moves[index] ?? '',
      toState,
      createdAt: new Date(created.getTime() + (index + 1) * 40_000),
    })),
  );
  await seedRun(db, {
    projectId,
    roundId: round.id,
    stage: 'sft',
    steps: 60,
    done: 60,
    parentModelId: baseId,
    values: (step) => ({
      loss: curve(step, 60, 3.9, 1.2, 0.2),
      ...(step % 10 === 0 ? { validationLoss: curve(step, 60, 3.9, 1.35, 0.05) } : {}),
      tokensPerSecond: 3300,
    }),
  });
  return round.id;
}

/** A round whose PPO is going on. */
export async function seedActiveRound(
  db: Database,
  projectId: string,
  line: Line,
): Promise<{ roundId: string; runId: string }> {
  const [round] = await db
    .insert(rounds)
    .values({
      projectId,
      number: 2,
      name: 'Round 2',
      state: 'ppo',
      targets: { demonstrations: 120, rankings: 200, votes: 150 },
      config: roundConfig.parse({}),
      inputs: {
        ...roundInputs.parse({ parentModelId: line.ppo, sftModelId: line.sft, rewardModelId: line.reward }),
      },
      baseModelId: line.base,
      createdAt: new Date(Date.now() - 400_000),
      stateSince: new Date(Date.now() - 96_000),
    })
    .returning({ id: rounds.id });
  if (!round) throw new Error('no round');
  const runId = await seedRun(db, {
    projectId,
    roundId: round.id,
    stage: 'ppo',
    steps: 120,
    done: 84,
    parentModelId: line.ppo,
    resumedFrom: 45,
    values: ppoValues(120),
  });
  await db
    .update(rounds)
    .set({
      inputs: {
        ...roundInputs.parse({
          parentModelId: line.ppo,
          sftModelId: line.sft,
          rewardModelId: line.reward,
          ppoRunId: runId,
        }),
      },
    })
    .where(eq(rounds.id, round.id));
  await db.update(completions).set({ reward: 0.4 });
  return { roundId: round.id, runId };
}
