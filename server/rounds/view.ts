import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/db/client.ts';
import { jobs, ROUND_STATES, type RoundState, rounds, roundTransitions, runs, users } from '@/db/schema.ts';
import { requireRow, visibleTo } from '../models/access.ts';
import type { SessionUser } from '../people/access.ts';
import { type Round, readRound } from './rounds.ts';
import { countRoundLabels, labelsNeeded } from './tasks.ts';

/** A project's rounds that the person may see, newest first. */
export async function listRounds(
  db: Database,
  user: SessionUser,
  filter: { projectId?: string | undefined },
) {
  return db
    .select({
      id: rounds.id,
      projectId: rounds.projectId,
      number: rounds.number,
      name: rounds.name,
      state: rounds.state,
      status: rounds.status,
      error: rounds.error,
      createdAt: rounds.createdAt,
      stateSince: rounds.stateSince,
      finishedAt: rounds.finishedAt,
      hasReport: sql<boolean>`${rounds.report} is not null`,
    })
    .from(rounds)
    .where(
      and(
        visibleTo(db, user, rounds.projectId),
        filter.projectId === undefined ? undefined : eq(rounds.projectId, filter.projectId),
      ),
    )
    .orderBy(desc(rounds.id));
}

/** How far a state has come: labels of a state that waits for people, steps of one that waits for a run. */
export interface StateProgress {
  have: number;
  /** Null while the run has not counted its steps. */
  want: number | null;
  unit: 'demonstrations' | 'rankings' | 'votes' | 'steps';
}

/** One state in the round's strip. */
export interface RoundStateView {
  state: RoundState;
  phase: 'done' | 'current' | 'ahead';
  enteredAt: Date | null;
  leftAt: Date | null;
  progress: StateProgress | null;
  runId: string | null;
}

/** Everything that the round's page shows, besides the curves of its runs. */
export async function roundView(db: Database, user: SessionUser, roundId: string) {
  const [row] = await db.select().from(rounds).where(eq(rounds.id, roundId));
  const round = readRound(await requireRow(db, user, row, 'round', 'researcher'));
  return describeRound(db, round);
}

export async function describeRound(db: Executor, round: Round) {
  const moves = await db
    .select({
      from: roundTransitions.fromState,
      to: roundTransitions.toState,
      at: roundTransitions.createdAt,
      actor: users.name,
      details: roundTransitions.details,
    })
    .from(roundTransitions)
    .leftJoin(users, eq(users.id, roundTransitions.actorId))
    .where(eq(roundTransitions.roundId, round.id))
    .orderBy(roundTransitions.createdAt);
  const states = await stateViews(db, round, moves);
  const current = states.find((state) => state.phase === 'current');
  const run = current?.runId ? await runSummary(db, current.runId) : null;
  const [job] = await db
    .select({ id: jobs.id, kind: jobs.kind, state: jobs.state, worker: jobs.worker, attempts: jobs.attempts })
    .from(jobs)
    .where(and(eq(jobs.roundId, round.id), inArray(jobs.state, ['queued', 'running'])))
    .orderBy(desc(jobs.id))
    .limit(1);
  const { id, projectId, number, name, state, status, error, targets, config, inputs } = round;
  return {
    id,
    projectId,
    number,
    name,
    state,
    status,
    error,
    targets,
    config,
    inputs,
    baseModelId: round.baseModelId,
    createdAt: round.createdAt,
    stateSince: round.stateSince,
    finishedAt: round.finishedAt,
    hasReport: round.report !== null,
    states,
    transitions: moves,
    /** The run of the state that it is in. */
    run,
    /** The job that is waiting or in a worker's hands. */
    job: job ?? null,
    /** People who have a task of this round in hand. */
    activeLabelers: await activeLabelers(db, id),
    waitsFor: waitsFor(round, current, run, job?.state ?? null),
    /** Whether an admin may let it go on before its target is met. */
    canGo: canGo(round, current, run),
  };
}

async function stateViews(
  db: Executor,
  round: Round,
  moves: { from: string; to: string; at: Date }[],
): Promise<RoundStateView[]> {
  const at = ROUND_STATES.indexOf(round.state);
  const runIds: Partial<Record<RoundState, string | null>> = {
    demonstrations: round.inputs.pretrainRunId,
    sft: round.inputs.sftRunId,
    reward: round.inputs.rewardRunId,
    ppo: round.inputs.ppoRunId,
  };
  const views: RoundStateView[] = [];
  for (const [index, state] of ROUND_STATES.entries()) {
    const entered =
      state === 'demonstrations' ? round.createdAt : moves.find((move) => move.to === state)?.at;
    const phase = index < at || round.status === 'done' ? 'done' : index === at ? 'current' : 'ahead';
    views.push({
      state,
      phase,
      enteredAt: entered ?? null,
      leftAt: moves.find((move) => move.from === state)?.at ?? null,
      progress: phase === 'ahead' && state !== 'ranking' ? null : await progressOf(db, round, state),
      runId: runIds[state] ?? null,
    });
  }
  return views;
}

async function progressOf(db: Executor, round: Round, state: RoundState): Promise<StateProgress | null> {
  const { targets } = round;
  switch (state) {
    case 'demonstrations':
      return {
        have: await countRoundLabels(db, round.id, 'demonstration', 'training'),
        want: await labelsNeeded(db, round.id, 'demonstration', 'training', targets.demonstrations),
        unit: 'demonstrations',
      };
    case 'ranking':
      return {
        have: await countRoundLabels(db, round.id, 'ranking', 'training'),
        // Before the sampling the tasks are not made yet: the target is all that is known.
        want:
          ROUND_STATES.indexOf(round.state) < ROUND_STATES.indexOf('ranking')
            ? targets.rankings
            : await labelsNeeded(db, round.id, 'ranking', 'training', targets.rankings),
        unit: 'rankings',
      };
    case 'evaluation':
      return {
        have: await countRoundLabels(db, round.id, 'ranking', 'evaluation'),
        want: await labelsNeeded(db, round.id, 'ranking', 'evaluation', targets.votes),
        unit: 'votes',
      };
    case 'sft':
    case 'reward':
    case 'ppo': {
      const runId = {
        sft: round.inputs.sftRunId,
        reward: round.inputs.rewardRunId,
        ppo: round.inputs.ppoRunId,
      }[state];
      const run = runId === null ? null : await runSummary(db, runId);
      return run ? { have: run.step, want: run.totalSteps, unit: 'steps' } : null;
    }
    case 'sampling':
    case 'done':
      return null;
  }
}

async function runSummary(db: Executor, runId: string) {
  const [run] = await db
    .select({
      id: runs.id,
      stage: runs.stage,
      status: runs.status,
      step: runs.step,
      totalSteps: runs.totalSteps,
      message: runs.message,
      error: runs.error,
      resumedFrom: runs.resumedFrom,
      resumeCount: runs.resumeCount,
      startedAt: runs.startedAt,
    })
    .from(runs)
    .where(eq(runs.id, runId));
  return run ?? null;
}

type RunSummary = Awaited<ReturnType<typeof runSummary>>;

async function activeLabelers(db: Executor, roundId: string): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`
    select count(distinct labeler_id)::int as count from assignments
    join tasks on tasks.id = assignments.task_id
    where tasks.round_id = ${roundId} and assignments.state = 'active' and assignments.lease_until > now()`);
  return row?.count ?? 0;
}

function canGo(round: Round, current: RoundStateView | undefined, run: RunSummary): boolean {
  if (round.status !== 'active' || current?.progress?.want == null) return false;
  if (current.progress.unit === 'steps' || current.progress.have >= current.progress.want) return false;
  return current.state === 'demonstrations'
    ? round.inputs.parentModelId !== null || run?.status === 'completed'
    : true;
}

/** A stage or state as people write it. */
function inWords(name: string): string {
  return name === 'sft' || name === 'ppo' ? name.toUpperCase() : name;
}

/** One sentence: what the round waits for now. */
function waitsFor(
  round: Round,
  current: RoundStateView | undefined,
  run: RunSummary,
  jobState: string | null,
): string {
  if (round.status === 'done') return 'The round is done.';
  if (round.status === 'cancelled') return 'The round was cancelled; nothing that was written is lost.';
  if (round.status === 'failed') return round.error ?? 'The round failed.';
  const progress = current?.progress;
  const labels =
    progress && progress.unit !== 'steps' && progress.want !== null && progress.have < progress.want
      ? `${progress.want - progress.have} more ${progress.unit}`
      : null;
  const training =
    run && run.status !== 'completed'
      ? run.status === 'queued'
        ? `a free worker for the ${inWords(run.stage)} run`
        : `the ${inWords(run.stage)} run, at step ${run.step}${run.totalSteps === null ? '' : ` of ${run.totalSteps}`}`
      : null;
  if (training !== null && run !== null && run.resumeCount > 0 && run.resumedFrom !== null) {
    return `Waits for ${[labels, training].filter(Boolean).join(' and ')} (resumed from step ${run.resumedFrom}).`;
  }
  if (labels !== null || training !== null) {
    return `Waits for ${[labels, training].filter((part) => part !== null).join(' and ')}.`;
  }
  if (jobState === 'queued') return `Waits for a free worker for ${inWords(round.state)}.`;
  if (jobState === 'running') return `A worker is busy with ${inWords(round.state)}.`;
  return 'Goes on as soon as a worker looks at it.';
}
