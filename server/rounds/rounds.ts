import { and, desc, eq, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { models, projects, rounds, runs } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { record } from '../people/audit.ts';
import {
  checkRoundConfig,
  type RoundConfig,
  type RoundConfigInput,
  type RoundInputs,
  type RoundTargets,
  roundConfig,
  roundInputs,
  roundTargets,
} from './settings.ts';
import { createRoundDemonstrationTasks } from './tasks.ts';

/** A round with its JSON columns parsed. */
export type Round = Omit<typeof rounds.$inferSelect, 'targets' | 'config' | 'inputs'> & {
  targets: RoundTargets;
  config: RoundConfig;
  inputs: RoundInputs;
};

/** Parses a round's row. */
export function readRound(row: typeof rounds.$inferSelect): Round {
  return {
    ...row,
    targets: roundTargets.parse(row.targets),
    config: roundConfig.parse(row.config),
    inputs: roundInputs.parse(row.inputs),
  };
}

/** Locks a round until the transaction ends, so that its moves happen one after the other. */
export async function lockRound(tx: Transaction, roundId: string): Promise<Round> {
  const [row] = await tx.select().from(rounds).where(eq(rounds.id, roundId)).for('no key update');
  if (!row) throw new AppError('NOT_FOUND', 'There is no such round.');
  return readRound(row);
}

/**
 * Launches a project's next round and hands out its demonstration tasks.
 *
 * It starts from `parentModelId` or from the model that `pretrainRunId` is going to make; with neither, from the policy
 * of the project's last finished round, so that its completions are what gets ranked.
 *
 * @throws BAD_INPUT for settings with a typo, CONFLICT while another round of the project is active
 */
export async function launchRound(
  db: Database,
  input: {
    projectId: string;
    name?: string;
    targets: RoundTargets;
    config: RoundConfigInput;
    parentModelId?: string | undefined;
    pretrainRunId?: string | undefined;
    createdBy: string | null;
  },
): Promise<{ roundId: string; number: number }> {
  const config = checkRoundConfig(input.config);
  const targets = roundTargets.parse(input.targets);
  return db.transaction(async (tx) => {
    // One launch at a time in a project: the second finds the first's round.
    const [project] = await tx.select().from(projects).where(eq(projects.id, input.projectId)).for('update');
    if (!project) throw new AppError('NOT_FOUND', 'There is no such project.');
    const earlier = await tx
      .select()
      .from(rounds)
      .where(eq(rounds.projectId, project.id))
      .orderBy(desc(rounds.number));
    const active = earlier.find((round) => round.status === 'active' || round.status === 'failed');
    if (active) {
      throw new AppError(
        'CONFLICT',
        `Round ${active.number} of this project is ${active.status}: finish or cancel it before the next is launched.`,
      );
    }
    const start = await startingPoint(tx, input, earlier);
    if (targets.demonstrations === 0 && start.parentKind === 'base') {
      throw new AppError(
        'BAD_INPUT',
        'targets.demonstrations: is 0, but the round starts from a base model; expected demonstrations to fine-tune it on.',
      );
    }
    const inputs: RoundInputs = roundInputs.parse({
      parentModelId: start.parentModelId,
      pretrainRunId: start.pretrainRunId,
    });
    const number = (earlier[0]?.number ?? 0) + 1;
    const [round] = await tx
      .insert(rounds)
      .values({
        projectId: project.id,
        number,
        name: input.name ?? `Round ${number}`,
        targets: { ...targets },
        config,
        inputs: { ...inputs },
        createdBy: input.createdBy,
      })
      .returning({ id: rounds.id });
    if (!round) throw new AppError('INTERNAL', 'The round was not written.');
    if (targets.demonstrations > 0) {
      await createRoundDemonstrationTasks(tx, {
        project,
        round: { id: round.id, number },
        labels: targets.demonstrations,
      });
    }
    await record(tx, input.createdBy, 'round.launched', { kind: 'round', id: round.id }, { number });
    return { roundId: round.id, number };
  });
}

async function startingPoint(
  tx: Transaction,
  input: { projectId: string; parentModelId?: string | undefined; pretrainRunId?: string | undefined },
  earlier: (typeof rounds.$inferSelect)[],
): Promise<{ parentModelId: string | null; pretrainRunId: string | null; parentKind: string }> {
  if (input.parentModelId !== undefined && input.pretrainRunId !== undefined) {
    throw new AppError('BAD_INPUT', 'parentModelId and pretrainRunId: expected one of them, not both.');
  }
  if (input.pretrainRunId !== undefined) {
    const [run] = await tx.select().from(runs).where(eq(runs.id, input.pretrainRunId));
    if (run?.stage !== 'pretrain' || (run.projectId !== null && run.projectId !== input.projectId)) {
      throw new AppError('BAD_INPUT', 'pretrainRunId: there is no such pretraining run in this project.');
    }
    return { parentModelId: null, pretrainRunId: run.id, parentKind: 'base' };
  }
  const last = earlier.find((round) => round.status === 'done');
  const parentModelId =
    input.parentModelId ?? (last ? (roundInputs.parse(last.inputs).ppoModelId ?? undefined) : undefined);
  if (parentModelId === undefined) {
    throw new AppError(
      'BAD_INPUT',
      'parentModelId: a project’s first round starts from a base model; expected one, or the pretraining run that makes it.',
    );
  }
  const model = await findParent(tx, parentModelId, input.projectId);
  return { parentModelId: model.id, pretrainRunId: null, parentKind: model.kind };
}

async function findParent(db: Executor, modelId: string, projectId: string) {
  const [model] = await db
    .select({ id: models.id, kind: models.kind })
    .from(models)
    .where(
      and(eq(models.id, modelId), sql`(${models.projectId} is null or ${models.projectId} = ${projectId})`),
    );
  if (!model) throw new AppError('BAD_INPUT', 'parentModelId: there is no such model in this project.');
  if (model.kind === 'reward') {
    throw new AppError(
      'BAD_INPUT',
      'parentModelId: is a reward model; expected one that writes completions.',
    );
  }
  return model;
}
