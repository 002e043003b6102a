import { distinctN, words } from '@touchstone/trainer/evaluation/diversity.ts';
import {
  entropyOfSamples,
  klOfSamples,
  type SampledCompletion,
  sampleCompletions,
  scoreCompletions,
} from '@touchstone/trainer/evaluation/sample.ts';
import { eq } from 'drizzle-orm';
import { type completions, projects } from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { storable } from '../labeling/schemas.ts';
import { createTasks } from '../labeling/tasks.ts';
import { type EvaluationResult, SLOTS, type Slot } from '../rounds/evaluation-result.ts';
import { roundPriority } from '../rounds/priorities.ts';
import { modelFolder } from './inputs.ts';
import { endJob, fenced } from './jobs.ts';
import { insertCompletions, promptsOf, roundOf } from './sampling-job.ts';
import { rankedForReview, storeRewards } from './score-ranked.ts';
import type { JobContext, JobOutcome } from './work.ts';

/**
 * The round's evaluation: base, SFT and PPO answer the same prompts at the same settings; the reward model scores the
 * answers; entropy and KL are measured on them; and the three answers to some prompts become blind ranking tasks. As with
 * sampling, everything is written in the one transaction that ends the job.
 */
export async function doEvaluation(context: JobContext): Promise<JobOutcome> {
  const { db, claim, home, signal, log } = context;
  const round = await roundOf(context);
  const { evaluation, seed } = round.config;
  const began = performance.now();
  const ids: Record<Slot, string | null> = {
    base: round.baseModelId,
    sft: round.inputs.sftModelId,
    ppo: round.inputs.ppoModelId,
  };
  const folders = {
    base: await modelFolder(db, home, ids.base),
    sft: await modelFolder(db, home, ids.sft),
    ppo: await modelFolder(db, home, ids.ppo),
  };
  const reward = await modelFolder(db, home, round.inputs.rewardModelId);
  const chosen = await promptsOf(db, round.projectId, 'evaluation', evaluation.prompts);
  if (chosen.length === 0) {
    throw new Error('The project has no prompt in its evaluation split: import some, then retry the round.');
  }
  log(`Evaluation: base, SFT and PPO answer ${chosen.length} prompts.`);
  const settings = {
    temperature: evaluation.temperature,
    topK: evaluation.topK,
    topP: evaluation.topP,
    maxNewTokens: evaluation.maxNewTokens,
    seed,
  };
  const questions = chosen.map(({ messages }) => messages);
  const answers = new Map<Slot, { sample: SampledCompletion; score: number }[]>();
  const entropy = { base: 0, sft: 0, ppo: 0 };
  const distinctBigrams = { base: 0, sft: 0, ppo: 0 };
  const asTokens = (slot: Slot) =>
    (answers.get(slot) ?? []).map(({ sample }, i) => ({ prompt: questions[i] ?? [], tokens: sample.tokens }));
  const temperature = evaluation.temperature;
  const ranked = await rankedForReview(db, round);
  let rankedRewards: number[] = [];
  try {
    for (const slot of SLOTS) {
      const samples = (await sampleCompletions(folders[slot], questions, { ...settings, signal })).flat();
      const scores = await scoreCompletions(
        reward,
        samples.map((sample, i) => ({
          prompt: questions[i] ?? [],
          completion: sample.text,
          finished: sample.finished,
        })),
      );
      answers.set(
        slot,
        samples.map((sample, i) => ({ sample, score: scores[i] ?? 0 })),
      );
      entropy[slot] = await entropyOfSamples(folders[slot], asTokens(slot), { temperature });
      const distinct = distinctN(
        samples.map(({ text }) => words(text)),
        2,
      );
      distinctBigrams[slot] = Number.isFinite(distinct) ? distinct : 0;
      signal.throwIfAborted();
    }
    if (ranked.length > 0) {
      rankedRewards = await scoreCompletions(
        reward,
        ranked.map(({ messages, text, finished }) => ({ prompt: messages, completion: text, finished })),
      );
    }
  } catch (error) {
    if (signal.aborted) return 'interrupted';
    throw error;
  }
  const { k1 } = await klOfSamples(folders.ppo, folders.sft, asTokens('ppo'), { temperature });

  const rows: (typeof completions.$inferInsert)[] = [];
  const items = chosen.map((prompt, index) => {
    const completionIds = SLOTS.map((slot) => {
      const answer = answers.get(slot)?.[index];
      const id = uuidv7();
      rows.push({
        id,
        projectId: round.projectId,
        promptId: prompt.id,
        text: storable(answer?.sample.text ?? ''),
        modelId: ids[slot],
        roundId: round.id,
        source: 'evaluation',
        sampling: settings,
        logProbability: answer?.sample.logProbability ?? null,
        tokens: answer?.sample.tokens.length ?? null,
        finished: answer?.sample.finished ?? false,
        reward: answer?.score ?? null,
        rewardModelId: round.inputs.rewardModelId,
      });
      return id;
    });
    return { promptId: prompt.id, completionIds };
  });
  const result: EvaluationResult = {
    prompts: chosen.length,
    entropy,
    distinctBigrams,
    kl: k1,
    seconds: (performance.now() - began) / 1000,
  };
  const scored = ranked.map(({ id }, index) => ({ id, reward: rankedRewards[index] ?? 0 }));
  const { rewardModelId } = round.inputs;
  let contradicted = 0;
  context.beforeEnd();
  await fenced(db, claim, async (tx) => {
    await insertCompletions(tx, rows);
    const [project] = await tx.select().from(projects).where(eq(projects.id, round.projectId));
    if (!project) throw new Error('The round’s project is gone.');
    await createTasks(tx, {
      project,
      kind: 'ranking',
      purpose: 'evaluation',
      priority: roundPriority(round.number, 'evaluation'),
      roundId: round.id,
      wantedLabels: evaluation.votesPerPrompt,
      items: items.slice(0, evaluation.votePrompts),
    });
    if (rewardModelId !== null) contradicted = await storeRewards(tx, project, rewardModelId, scored);
    await endJob(tx, claim, { state: 'completed', result: { ...result } });
  });
  log(`Evaluation: ${rows.length} answers written, scored and handed out for blind votes.`);
  if (contradicted > 0)
    log(`The reward model contradicts labels of ${contradicted} tasks: they are in review.`);
  return 'ended';
}
