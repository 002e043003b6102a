import { eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/db/client.ts';
import { jobs, models, type RoundState, rounds, roundTransitions, runs } from '@/db/schema.ts';
import { freezeDataset } from '../datasets/freeze.ts';
import { createRun } from '../models/runs.ts';
import { enqueueJob } from '../worker/jobs.ts';
import { deriveMatches } from './matches.ts';
import { computeReport } from './report.ts';
import { lockRound, type Round } from './rounds.ts';
import type { RoundInputs } from './settings.ts';
import { countRoundLabels, labelsNeeded, setRoundTasks } from './tasks.ts';

/** What a state's gate says: not yet, go on, or it cannot go on. */
type Gate =
  | { open: false }
  | { open: false; failed: string }
  | {
      open: true;
      to: RoundState;
      inputs: Partial<RoundInputs>;
      details: Record<string, unknown>;
      report?: Record<string, unknown>;
    };

const CLOSED: Gate = { open: false };

/**
 * Takes a round as far as its gates allow, each move once however many ask at the same time: the round's row is locked,
 * and a move, with what it starts (dataset version, run, job), is one transaction.
 *
 * @returns the states that it entered, in order
 */
export async function advanceRound(
  db: Database,
  roundId: string,
  actorId: string | null = null,
): Promise<RoundState[]> {
  return db.transaction(async (tx) => {
    const entered: RoundState[] = [];
    for (;;) {
      const round = await lockRound(tx, roundId);
      if (round.status !== 'active') return entered;
      const gate = await gates[round.state](tx, round);
      if (!gate.open) {
        if ('failed' in gate) {
          await tx.update(rounds).set({ status: 'failed', error: gate.failed }).where(eq(rounds.id, roundId));
        }
        return entered;
      }
      await tx.insert(roundTransitions).values({
        roundId,
        fromState: round.state,
        toState: gate.to,
        attempt: round.attempt,
        actorId: round.inputs.go.includes(round.state) ? actorId : null,
        details: gate.details,
      });
      const now = sql`clock_timestamp()`;
      await tx
        .update(rounds)
        .set({
          state: gate.to,
          inputs: { ...round.inputs, ...gate.inputs },
          stateSince: now,
          ...(gate.to === 'done' ? { status: 'done' as const, finishedAt: now, report: gate.report } : {}),
        })
        .where(eq(rounds.id, roundId));
      entered.push(gate.to);
    }
  });
}

/** Takes every active round as far as it can go. */
export async function advanceRounds(db: Database): Promise<void> {
  const active = await db.select({ id: rounds.id }).from(rounds).where(eq(rounds.status, 'active'));
  for (const { id } of active) await advanceRound(db, id);
}

/** What opens the way out of each state, and what the next one is given. */
const gates: Record<RoundState, (tx: Transaction, round: Round) => Promise<Gate>> = {
  async demonstrations(tx, round) {
    const parent = await parentModel(tx, round);
    if ('gate' in parent) return parent.gate;
    const { parentModelId } = parent;
    const have = await countRoundLabels(tx, round.id, 'demonstration', 'training');
    const need = await labelsNeeded(tx, round.id, 'demonstration', 'training', round.targets.demonstrations);
    if (have < need && !round.inputs.go.includes('demonstrations')) return CLOSED;
    await setRoundTasks(tx, round.id, 'closed', { kind: 'demonstration', purpose: 'training' });
    const baseModelId = await rootOf(tx, parentModelId);
    await tx.update(rounds).set({ baseModelId }).where(eq(rounds.id, round.id));
    if (round.targets.demonstrations === 0) {
      return open('sft', { parentModelId, sftModelId: parentModelId }, { demonstrations: 0 });
    }
    const version = await freezeDataset(tx, {
      projectId: round.projectId,
      kind: 'demonstrations',
      name: `Round ${round.number}: demonstrations`,
      roundId: round.id,
      createdBy: round.createdBy,
    });
    const sftRunId = await createRun(tx, {
      stage: 'sft',
      name: `Round ${round.number}: SFT`,
      settings: round.config.sft,
      projectId: round.projectId,
      roundId: round.id,
      parentModelId,
      datasetVersionId: version.id,
      createdBy: round.createdBy,
    });
    return open(
      'sft',
      { parentModelId, demonstrationsVersionId: version.id, sftRunId },
      { demonstrations: have },
    );
  },

  async sft(tx, round) {
    const { sftRunId, sftModelId: ready } = round.inputs;
    const made = sftRunId === null ? { modelId: ready } : await modelOf(tx, sftRunId);
    if ('gate' in made) return made.gate;
    if (made.modelId === null) return { open: false, failed: 'The round has no SFT run.' };
    const samplingJobId = await enqueueJob(tx, { kind: 'sampling', payload: {}, roundId: round.id });
    return open('sampling', { sftModelId: made.modelId, samplingJobId }, {});
  },

  async sampling(tx, round) {
    const job = await endedJob(tx, round.inputs.samplingJobId, 'sampling');
    return 'gate' in job ? job.gate : open('ranking', {}, job.result);
  },

  async ranking(tx, round) {
    const have = await countRoundLabels(tx, round.id, 'ranking', 'training');
    const need = await labelsNeeded(tx, round.id, 'ranking', 'training', round.targets.rankings);
    if (have < need && !round.inputs.go.includes('ranking')) return CLOSED;
    await setRoundTasks(tx, round.id, 'closed', { kind: 'ranking', purpose: 'training' });
    const version = await freezeDataset(tx, {
      projectId: round.projectId,
      kind: 'rankings',
      name: `Round ${round.number}: rankings`,
      roundId: round.id,
      createdBy: round.createdBy,
    });
    const rewardRunId = await createRun(tx, {
      stage: 'reward',
      name: `Round ${round.number}: reward model`,
      settings: round.config.reward,
      projectId: round.projectId,
      roundId: round.id,
      parentModelId: round.inputs.sftModelId,
      datasetVersionId: version.id,
      createdBy: round.createdBy,
    });
    return open('reward', { rankingsVersionId: version.id, rewardRunId }, { rankings: have });
  },

  async reward(tx, round) {
    const made = await modelOf(tx, round.inputs.rewardRunId);
    if ('gate' in made) return made.gate;
    const ppoRunId = await createRun(tx, {
      stage: 'ppo',
      name: `Round ${round.number}: PPO`,
      settings: round.config.ppo,
      projectId: round.projectId,
      roundId: round.id,
      parentModelId: round.inputs.sftModelId,
      rewardModelId: made.modelId,
      createdBy: round.createdBy,
    });
    return open('ppo', { rewardModelId: made.modelId, ppoRunId }, {});
  },

  async ppo(tx, round) {
    const made = await modelOf(tx, round.inputs.ppoRunId);
    if ('gate' in made) return made.gate;
    const evaluationJobId = await enqueueJob(tx, { kind: 'evaluation', payload: {}, roundId: round.id });
    return open('evaluation', { ppoModelId: made.modelId, evaluationJobId }, {});
  },

  async evaluation(tx, round) {
    const job = await endedJob(tx, round.inputs.evaluationJobId, 'evaluation');
    if ('gate' in job) return job.gate;
    const have = await countRoundLabels(tx, round.id, 'ranking', 'evaluation');
    const need = await labelsNeeded(tx, round.id, 'ranking', 'evaluation', round.targets.votes);
    if (have < need && !round.inputs.go.includes('evaluation')) return CLOSED;
    await setRoundTasks(tx, round.id, 'closed', { kind: 'ranking', purpose: 'evaluation' });
    await deriveMatches(tx, round);
    const report = await computeReport(tx, round, job.result);
    return { open: true, to: 'done', inputs: {}, details: { votes: have }, report: { ...report } };
  },

  done: async () => CLOSED,
};

function open(to: RoundState, inputs: Partial<RoundInputs>, details: Record<string, unknown>): Gate {
  return { open: true, to, inputs, details };
}

/** The model from which the round starts; a gate while its pretraining goes on, or when that failed. */
async function parentModel(
  tx: Transaction,
  round: Round,
): Promise<{ parentModelId: string } | { gate: Gate }> {
  if (round.inputs.parentModelId !== null) return { parentModelId: round.inputs.parentModelId };
  const made = await modelOf(tx, round.inputs.pretrainRunId);
  return 'gate' in made ? made : { parentModelId: made.modelId };
}

async function modelOf(tx: Transaction, runId: string | null): Promise<{ modelId: string } | { gate: Gate }> {
  if (runId === null) return { gate: { open: false, failed: 'The round has no run for this state.' } };
  const [row] = await tx
    .select({
      name: runs.name,
      stage: runs.stage,
      status: runs.status,
      error: runs.error,
      modelId: models.id,
    })
    .from(runs)
    .leftJoin(models, eq(models.runId, runs.id))
    .where(eq(runs.id, runId));
  if (row?.status === 'failed') {
    return {
      gate: { open: false, failed: `The ${row.stage} run failed: ${row.error ?? 'no reason given.'}` },
    };
  }
  if (row?.status === 'cancelled') {
    return { gate: { open: false, failed: `The ${row.stage} run was cancelled.` } };
  }
  if (row?.status !== 'completed' || row.modelId === null) return { gate: CLOSED };
  return { modelId: row.modelId };
}

async function endedJob(
  tx: Transaction,
  jobId: string | null,
  what: string,
): Promise<{ result: Record<string, unknown> } | { gate: Gate }> {
  const [job] =
    jobId === null
      ? []
      : await tx
          .select({ state: jobs.state, error: jobs.error, result: jobs.result })
          .from(jobs)
          .where(eq(jobs.id, jobId));
  if (!job) return { gate: { open: false, failed: `The round has no ${what} job.` } };
  if (job.state === 'failed') {
    return { gate: { open: false, failed: `The ${what} failed: ${job.error ?? 'no reason given.'}` } };
  }
  if (job.state === 'cancelled') return { gate: { open: false, failed: `The ${what} was cancelled.` } };
  if (job.state !== 'completed') return { gate: CLOSED };
  return { result: job.result ?? {} };
}

/** The base model at the root of a model's lineage. */
async function rootOf(tx: Transaction, modelId: string): Promise<string> {
  const [root] = await tx.execute<{ id: string }>(sql`
    with recursive ancestors as (
      select id, parent_id from models where id = ${modelId}
      union all
      select models.id, models.parent_id from models join ancestors on models.id = ancestors.parent_id
    )
    select id from ancestors where parent_id is null limit 1`);
  return root?.id ?? modelId;
}
