import { sampleCompletions } from '@touchstone/trainer/evaluation/sample.ts';
import { and, asc, eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/db/client.ts';
import {
  completions,
  type Message,
  projects,
  prompts,
  rounds,
  type Split,
  type TaskKind,
  tasks,
} from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { storable } from '../labeling/schemas.ts';
import { createTasks } from '../labeling/tasks.ts';
import { roundPriority } from '../rounds/priorities.ts';
import { type Round, readRound } from '../rounds/rounds.ts';
import { modelFolder } from './inputs.ts';
import { endJob, fenced } from './jobs.ts';
import type { JobContext, JobOutcome } from './work.ts';

const CHUNK = 2000;

export interface PromptRow {
  id: string;
  messages: Message[];
}

/** The round that a job works for. */
export async function roundOf({ db, claim }: Pick<JobContext, 'db' | 'claim'>): Promise<Round> {
  const [row] =
    claim.roundId === null ? [] : await db.select().from(rounds).where(eq(rounds.id, claim.roundId));
  if (!row) throw new Error(`The ${claim.kind} job names no round.`);
  return readRound(row);
}

/**
 * Prompts of a split: those that have been ranked least come first, then those that nobody has demonstrated (on the
 * others the SFT model repeats what it was shown, and its completions hardly differ), then the oldest.
 */
export async function promptsOf(
  db: Database,
  projectId: string,
  split: Split,
  count: number,
): Promise<PromptRow[]> {
  const tasksOf = (kind: TaskKind) =>
    sql`(select count(*) from ${tasks} where ${tasks.promptId} = ${prompts.id} and ${tasks.kind} = ${kind})`;
  return db
    .select({ id: prompts.id, messages: prompts.messages })
    .from(prompts)
    .where(and(eq(prompts.projectId, projectId), eq(prompts.split, split)))
    .orderBy(tasksOf('ranking'), tasksOf('demonstration'), asc(prompts.id))
    .limit(count);
}

/** Writes completions in chunks that Postgres takes. */
export async function insertCompletions(
  tx: Transaction,
  rows: (typeof completions.$inferInsert)[],
): Promise<void> {
  for (let i = 0; i < rows.length; i += CHUNK) await tx.insert(completions).values(rows.slice(i, i + CHUNK));
}

/**
 * K completions of the round's SFT model for each prompt, and the tasks in which people rank them. All of it is written in
 * the transaction that ends the job, so a worker that dies before leaves nothing and the next one begins anew.
 */
export async function doSampling(context: JobContext): Promise<JobOutcome> {
  const { db, claim, home, signal, log } = context;
  const round = await roundOf(context);
  const { sampling, seed } = round.config;
  const train = await promptsOf(db, round.projectId, 'train', sampling.trainPrompts);
  const validation = await promptsOf(db, round.projectId, 'validation', sampling.validationPrompts);
  const chosen = [...train, ...validation];
  log(`Sampling ${sampling.samplesPerPrompt} completions for each of ${chosen.length} prompts.`);
  const settings = {
    temperature: sampling.temperature,
    topK: sampling.topK,
    topP: sampling.topP,
    maxNewTokens: sampling.maxNewTokens,
    seed,
  };
  const began = performance.now();
  const folder = await modelFolder(db, home, round.inputs.sftModelId);
  let written: Awaited<ReturnType<typeof sampleCompletions>>;
  try {
    written = await sampleCompletions(
      folder,
      chosen.map(({ messages }) => messages),
      {
        ...settings,
        samples: Math.max(sampling.samplesPerPrompt, sampling.completionsPerPrompt),
        signal,
      },
    );
  } catch (error) {
    if (signal.aborted) return 'interrupted';
    throw error;
  }

  const rows: (typeof completions.$inferInsert)[] = [];
  const items = chosen.map((prompt, index) => {
    const seen = new Set<string>();
    const completionIds: string[] = [];
    for (const sample of written[index] ?? []) {
      const text = storable(sample.text);
      // Two of the same text hold no preference; the labeler's time is for different ones.
      if (seen.has(text.trim()) || completionIds.length === sampling.completionsPerPrompt) continue;
      seen.add(text.trim());
      const id = uuidv7();
      completionIds.push(id);
      rows.push({
        id,
        projectId: round.projectId,
        promptId: prompt.id,
        text,
        modelId: round.inputs.sftModelId,
        roundId: round.id,
        source: 'sampling',
        sampling: settings,
        logProbability: sample.logProbability,
        tokens: sample.tokens.length,
        finished: sample.finished,
      });
    }
    return { promptId: prompt.id, completionIds };
  });
  const rankable = (some: typeof items) => some.filter(({ completionIds }) => completionIds.length >= 2);
  const trainItems = rankable(items.slice(0, train.length));
  const heldOut = rankable(items.slice(train.length));
  context.beforeEnd();
  await fenced(db, claim, async (tx) => {
    await insertCompletions(tx, rows);
    const [project] = await tx.select().from(projects).where(eq(projects.id, round.projectId));
    if (!project) throw new Error('The round’s project is gone.');
    const priority = roundPriority(round.number, 'training');
    const common = { project, kind: 'ranking' as const, roundId: round.id, priority };
    await createTasks(tx, { ...common, wantedLabels: 1, items: trainItems });
    const doubled = heldOut.slice(0, sampling.doublePrompts);
    await createTasks(tx, { ...common, wantedLabels: 2, items: doubled });
    await createTasks(tx, { ...common, wantedLabels: 1, items: heldOut.slice(sampling.doublePrompts) });
    await endJob(tx, claim, {
      state: 'completed',
      result: {
        completions: rows.length,
        tasks: trainItems.length + heldOut.length,
        labelsWanted: trainItems.length + heldOut.length + doubled.length,
        seconds: (performance.now() - began) / 1000,
      },
    });
  });
  log(`Sampling: ${rows.length} completions, ${trainItems.length + heldOut.length} ranking tasks.`);
  return 'ended';
}
