import { eq } from 'drizzle-orm';
import { expect, test } from 'vitest';
import {
  type completions,
  datasetVersions,
  jobs,
  matches,
  models,
  rounds,
  roundTransitions,
  runs,
  tasks,
} from '@/db/schema.ts';
import { seedModel, seedProject, seedPrompt, seedUser } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { takeNext } from '../labeling/assign.ts';
import { submit } from '../labeling/submit.ts';
import { createTasks } from '../labeling/tasks.ts';
import { loadWork } from '../labeling/work.ts';
import { insertCompletions } from '../worker/sampling-job.ts';
import { advanceRound } from './advance.ts';
import { cancelRound, goOn, retryRound } from './control.ts';
import type { EvaluationResult } from './evaluation-result.ts';
import { pairsOf } from './matches.ts';
import { roundReport } from './report-schema.ts';
import { launchRound, readRound } from './rounds.ts';
import { describeRound } from './view.ts';

const { db } = await openTestDatabase();

/** A project with prompts, an admin, a labeler, and a round that wants two demonstrations, two rankings and a vote. */
async function launched(options: { demonstrations?: number } = {}) {
  const project = await seedProject(db);
  for (let i = 0; i < 4; i++) await seedPrompt(db, project.id, `Train ${i}?`);
  const evaluation = await seedPrompt(db, project.id, 'Evaluation?', { split: 'evaluation' });
  const admin = await seedUser(db, { role: 'admin' });
  const labeler = await seedUser(db, { projectId: project.id });
  const base = await seedModel(db, { kind: 'base' });
  const { roundId } = await launchRound(db, {
    projectId: project.id,
    targets: { demonstrations: options.demonstrations ?? 2, rankings: 2, votes: 1 },
    config: {},
    parentModelId: base.id,
    createdBy: admin.id,
  });
  return { project, admin, labeler, base, roundId, evaluation };
}
type Setting = Awaited<ReturnType<typeof launched>>;

const roundOf = async (roundId: string) => {
  const [row] = await db.select().from(rounds).where(eq(rounds.id, roundId));
  if (!row) throw new Error('no round');
  return readRound(row);
};

/** The labeler does the next piece of work: a demonstration, or a ranking in the order of `better`. */
async function label({ project, labeler }: Setting, better: (a: string, b: string) => number = () => 0) {
  const assignmentId = await takeNext(db, { labelerId: labeler.id, project });
  if (assignmentId === null) return false;
  const work = await loadWork(db, assignmentId);
  const common = { assignmentId, labelerId: labeler.id, idempotencyKey: uuidv7() };
  if (work.assignment.kind === 'demonstration')
    await submit(db, {
      ...common,
      content: { kind: 'demonstration', text: 'An answer.', prompt: null, checklist: [] },
    });
  else {
    const groups = [...work.completions].sort((a, b) => better(a.text, b.text)).map(({ id }) => [id]);
    await submit(db, {
      ...common,
      content: { kind: 'ranking', groups, strengths: null, ratings: [], allBad: false, note: '' },
    });
  }
  return true;
}

/** Ends a queued run as the worker does: completed, with its model. */
async function completeRun(runId: string | null, metrics: Record<string, number> = {}) {
  const [run] = await db
    .update(runs)
    .set({ status: 'completed', startedAt: new Date(), finishedAt: new Date() })
    .where(eq(runs.id, runId ?? ''))
    .returning();
  if (!run) throw new Error('no run');
  const kind = run.stage === 'pretrain' ? 'base' : run.stage;
  await db.insert(models).values({
    projectId: run.projectId,
    name: run.name,
    kind,
    folder: `runs/${run.id}`,
    metrics,
    parentId: run.parentModelId,
    runId: run.id,
    roundId: run.roundId,
  });
  await db.update(jobs).set({ state: 'completed' }).where(eq(jobs.runId, run.id));
}

/** Ends the sampling job as the worker does: completions, and tasks in which people rank them. */
async function completeSampling(setting: Setting, jobId: string | null) {
  const round = await roundOf(setting.roundId);
  const items: { promptId: string; completionIds: string[] }[] = [];
  await db.transaction(async (tx) => {
    for (let i = 0; i < 2; i++) {
      const prompt = await seedPrompt(tx, setting.project.id);
      const rows = ['good', 'bad'].map((text): typeof completions.$inferInsert => ({
        id: uuidv7(),
        projectId: setting.project.id,
        promptId: prompt.id,
        text,
        modelId: round.inputs.sftModelId,
        roundId: round.id,
        source: 'sampling',
      }));
      await insertCompletions(tx, rows);
      items.push({ promptId: prompt.id, completionIds: rows.map(({ id }) => id ?? '') });
    }
    await createTasks(tx, { project: setting.project, kind: 'ranking', roundId: round.id, items });
    await tx
      .update(jobs)
      .set({ state: 'completed', result: { tasks: 2 } })
      .where(eq(jobs.id, jobId ?? ''));
  });
}

/** Ends the evaluation job as the worker does. */
async function completeEvaluation(setting: Setting, jobId: string | null) {
  const round = await roundOf(setting.roundId);
  const result: EvaluationResult = {
    prompts: 1,
    entropy: { base: 3, sft: 2, ppo: 1 },
    distinctBigrams: { base: 0.5, sft: 0.4, ppo: 0.3 },
    kl: 1.5,
    seconds: 2,
  };
  const authors = [round.baseModelId, round.inputs.sftModelId, round.inputs.ppoModelId];
  const rows = ['worst', 'middle', 'best'].map((text, i): typeof completions.$inferInsert => ({
    id: uuidv7(),
    projectId: setting.project.id,
    promptId: setting.evaluation.id,
    text,
    modelId: authors[i] ?? null,
    roundId: round.id,
    source: 'evaluation',
    reward: i,
    tokens: 5,
  }));
  await db.transaction(async (tx) => {
    await insertCompletions(tx, rows);
    const completionIds = rows.map(({ id }) => id ?? '');
    const items = [{ promptId: setting.evaluation.id, completionIds }];
    const common = { project: setting.project, kind: 'ranking' as const, roundId: round.id };
    await createTasks(tx, { ...common, purpose: 'evaluation', items });
    await tx
      .update(jobs)
      .set({ state: 'completed', result: { ...result } })
      .where(eq(jobs.id, jobId ?? ''));
  });
}

const goodFirst = (a: string, b: string) => ['good', 'bad'].indexOf(a) - ['good', 'bad'].indexOf(b);
const bestFirst = (a: string, b: string) => {
  const order = ['best', 'middle', 'worst'];
  return order.indexOf(a) - order.indexOf(b);
};

test('a whole round: every gate waits for its labels or its run, every move happens once under 20 callers', async () => {
  const setting = await launched();
  const { roundId, base } = setting;
  const advanceAll = async () => {
    const entered = await Promise.all(Array.from({ length: 20 }, () => advanceRound(db, roundId)));
    return entered.flat();
  };
  expect(await advanceAll()).toEqual([]);
  expect(await label(setting)).toBe(true);
  expect(await advanceAll()).toEqual([]);
  await label(setting);
  expect(await label(setting)).toBe(false);
  expect(await advanceAll()).toEqual(['sft']);

  let round = await roundOf(roundId);
  expect(round.baseModelId).toBe(base.id);
  const [version] = await db.select().from(datasetVersions).where(eq(datasetVersions.roundId, roundId));
  expect(version).toMatchObject({ kind: 'demonstrations', counts: { total: 2, train: 2 } });
  expect(round.inputs.demonstrationsVersionId).toBe(version?.id);
  expect(await advanceAll()).toEqual([]);

  await completeRun(round.inputs.sftRunId);
  expect(await advanceAll()).toEqual(['sampling']);
  round = await roundOf(roundId);
  await completeSampling(setting, round.inputs.samplingJobId);
  expect(await advanceAll()).toEqual(['ranking']);
  await label(setting, goodFirst);
  expect(await advanceAll()).toEqual([]);
  await label(setting, goodFirst);
  expect(await advanceAll()).toEqual(['reward']);
  round = await roundOf(roundId);
  await completeRun(round.inputs.rewardRunId, {
    validationAccuracy: 0.75,
    validationAccuracyLow: 0.7,
    validationAccuracyHigh: 0.8,
  });
  expect(await advanceAll()).toEqual(['ppo']);
  round = await roundOf(roundId);
  const [ppoRun] = await db
    .select()
    .from(runs)
    .where(eq(runs.id, round.inputs.ppoRunId ?? ''));
  expect(ppoRun).toMatchObject({
    parentModelId: round.inputs.sftModelId,
    rewardModelId: round.inputs.rewardModelId,
  });
  await completeRun(round.inputs.ppoRunId);
  expect(await advanceAll()).toEqual(['evaluation']);
  round = await roundOf(roundId);
  await completeEvaluation(setting, round.inputs.evaluationJobId);
  expect(await advanceAll()).toEqual([]);
  await label(setting, bestFirst);
  expect(await advanceAll()).toEqual(['done']);
  expect(await advanceAll()).toEqual([]);

  const moves = await db.select().from(roundTransitions).where(eq(roundTransitions.roundId, roundId));
  expect(moves).toHaveLength(7);
  expect(await db.select().from(runs).where(eq(runs.roundId, roundId))).toHaveLength(3);
  expect(await db.select().from(jobs).where(eq(jobs.roundId, roundId))).toHaveLength(5);

  const done = await roundOf(roundId);
  expect(done.status).toBe('done');
  const report = roundReport.parse(done.report);
  expect(report.preferences.map(({ model, over, mean }) => [model, over, mean])).toEqual([
    ['sft', 'base', 1],
    ['ppo', 'sft', 1],
    ['ppo', 'base', 1],
  ]);
  expect(report).toMatchObject({
    rewardScore: { base: { mean: 0 }, sft: { mean: 1 }, ppo: { mean: 2 } },
    rewardModel: { accuracy: { mean: 0.75, low: 0.7, high: 0.8 }, labelerAgreement: null },
    kl: 1.5,
    entropy: { base: 3, sft: 2, ppo: 1 },
    labels: { demonstrations: 2, rankings: 2, votes: 1, labelers: 1 },
    overOptimised: false,
    samples: [{ prompt: 'Evaluation?', answers: { base: 'worst', sft: 'middle', ppo: 'best' } }],
  });
  const votes = await db.select().from(matches).where(eq(matches.roundId, roundId));
  expect(votes).toHaveLength(3);
  expect(votes.every(({ outcome }) => outcome === 'b')).toBe(true);

  // The next round starts from this one's policy, and needs no demonstrations.
  const next = await launchRound(db, {
    projectId: setting.project.id,
    targets: { demonstrations: 0, rankings: 1, votes: 0 },
    config: {},
    createdBy: null,
  });
  expect(next.number).toBe(2);
  expect(await advanceRound(db, next.roundId)).toEqual(['sft', 'sampling']);
  expect((await roundOf(next.roundId)).inputs.sftModelId).toBe(round.inputs.ppoModelId);
  expect((await roundOf(next.roundId)).baseModelId).toBe(base.id);
});

test('an admin’s go opens a gate early, but not without a single label', async () => {
  const setting = await launched();
  const { roundId, admin } = setting;
  await expect(goOn(db, roundId, 'demonstrations', admin.id)).rejects.toThrow('nobody has submitted any');
  expect((await roundOf(roundId)).inputs.go).toEqual([]);
  await label(setting);
  await expect(goOn(db, roundId, 'ranking', admin.id)).rejects.toThrow('no longer waits in ranking');
  await goOn(db, roundId, 'demonstrations', admin.id);
  const round = await roundOf(roundId);
  expect(round.state).toBe('sft');
  const [move] = await db.select().from(roundTransitions).where(eq(roundTransitions.roundId, roundId));
  expect(move).toMatchObject({ actorId: admin.id, details: { demonstrations: 1 } });
  // What was not done is handed out no more.
  expect(await label(setting)).toBe(false);
  const open = await db.select({ state: tasks.state }).from(tasks).where(eq(tasks.roundId, roundId));
  expect(open.every(({ state }) => state === 'closed')).toBe(true);
});

test('a failed run fails the round with its reason; a retry queues the same run again and the round goes on', async () => {
  const setting = await launched();
  const { roundId, admin } = setting;
  await label(setting);
  await label(setting);
  await advanceRound(db, roundId);
  const { sftRunId } = (await roundOf(roundId)).inputs;
  await db
    .update(runs)
    .set({ status: 'failed', error: 'NaN loss at step 3.' })
    .where(eq(runs.id, sftRunId ?? ''));
  await db
    .update(jobs)
    .set({ state: 'failed' })
    .where(eq(jobs.runId, sftRunId ?? ''));
  expect(await advanceRound(db, roundId)).toEqual([]);
  expect(await roundOf(roundId)).toMatchObject({
    status: 'failed',
    state: 'sft',
    error: 'The sft run failed: NaN loss at step 3.',
  });
  await expect(
    launchRound(db, {
      projectId: setting.project.id,
      targets: { demonstrations: 0, rankings: 1, votes: 0 },
      config: {},
      createdBy: null,
    }),
  ).rejects.toThrow('Round 1 of this project is failed');
  await retryRound(db, roundId, admin.id);
  expect(await roundOf(roundId)).toMatchObject({ status: 'active', error: null, attempt: 1 });
  const queued = await db
    .select()
    .from(jobs)
    .where(eq(jobs.runId, sftRunId ?? ''));
  expect(queued.map(({ state }) => state).sort()).toEqual(['failed', 'queued']);
  await completeRun(sftRunId);
  expect(await advanceRound(db, roundId)).toEqual(['sampling']);
});

test('a cancelled round takes its queued job and its tasks out; a retry brings them back', async () => {
  const setting = await launched();
  const { roundId, admin } = setting;
  await label(setting);
  await cancelRound(db, roundId, admin.id);
  expect(await label(setting)).toBe(false);
  await expect(cancelRound(db, roundId, admin.id)).rejects.toThrow('is cancelled already');
  await retryRound(db, roundId, admin.id);
  expect(await label(setting)).toBe(true);
  expect(await advanceRound(db, roundId)).toEqual(['sft']);
  await cancelRound(db, roundId, admin.id);
  const { sftRunId } = (await roundOf(roundId)).inputs;
  const [run] = await db
    .select()
    .from(runs)
    .where(eq(runs.id, sftRunId ?? ''));
  expect(run?.status).toBe('cancelled');
  expect(await advanceRound(db, roundId)).toEqual([]);
  await retryRound(db, roundId, admin.id);
  await completeRun(sftRunId);
  expect(await advanceRound(db, roundId)).toEqual(['sampling']);
});

test('a round waits for the pretraining run that makes its base model', async () => {
  const project = await seedProject(db);
  await seedPrompt(db, project.id);
  const [run] = await db
    .insert(runs)
    .values({ projectId: project.id, stage: 'pretrain', config: {} })
    .returning();
  const { roundId } = await launchRound(db, {
    projectId: project.id,
    targets: { demonstrations: 1, rankings: 1, votes: 0 },
    config: {},
    pretrainRunId: run?.id ?? '',
    createdBy: null,
  });
  const labeler = await seedUser(db, { projectId: project.id });
  await label({ project, labeler } as Setting);
  expect(await advanceRound(db, roundId)).toEqual([]);
  expect((await describeRound(db, await roundOf(roundId))).waitsFor).toMatch(/pretrain run/);
  await completeRun(run?.id ?? '');
  expect(await advanceRound(db, roundId)).toEqual(['sft']);
});

test('settings with a typo are refused at the launch, by name', async () => {
  const project = await seedProject(db);
  await seedPrompt(db, project.id);
  const base = await seedModel(db);
  const launch = (config: object) =>
    launchRound(db, {
      projectId: project.id,
      targets: { demonstrations: 1, rankings: 1, votes: 0 },
      config,
      parentModelId: base.id,
      createdBy: null,
    });
  await expect(launch({ ppo: { learningrate: 1 } })).rejects.toThrow('did you mean "learningRate"?');
  await expect(launch({ sft: { model: 'x' } })).rejects.toThrow('"model" is not set by hand');
  await expect(launch({ samplin: {} })).rejects.toThrow('samplin');
  expect(await db.select().from(rounds).where(eq(rounds.projectId, project.id))).toEqual([]);
});

test('pairs of a ranking: every pair once, ties as ties', () => {
  expect(pairsOf([['b'], ['a', 'c']], ['a', 'b', 'c'])).toEqual([
    { a: 'a', b: 'b', outcome: 'b' },
    { a: 'a', b: 'c', outcome: 'tie' },
    { a: 'b', b: 'c', outcome: 'a' },
  ]);
});
