import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, id, moment, oneOf } from './columns.ts';
import type { LeftOut, SplitCounts } from './json.ts';
import { users } from './people.ts';
import {
  DATASET_KINDS,
  JOB_STATES,
  MATCH_OUTCOMES,
  MODEL_KINDS,
  ROUND_STATES,
  ROUND_STATUSES,
  RUN_STAGES,
  RUN_STATUSES,
  SPLITS,
} from './values.ts';
import { completions, projects, prompts, rankings } from './work.ts';

/** A frozen set of labels. A trigger refuses every change to it, and to the list of its labels. */
export const datasetVersions = pgTable(
  'dataset_versions',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references((): AnyPgColumn => projects.id),
    kind: text('kind', { enum: DATASET_KINDS }).notNull(),
    /** Counts up within project and kind. */
    number: integer('number').notNull(),
    name: text('name').notNull(),
    /** SHA-256, in hex, of the native export. */
    contentHash: text('content_hash').notNull(),
    counts: jsonb('counts').$type<SplitCounts>().notNull(),
    /** How many labels were there but stayed out, and why. */
    leftOut: jsonb('left_out').$type<LeftOut>().notNull().default({}),
    roundId: uuid('round_id').references((): AnyPgColumn => rounds.id),
    createdBy: uuid('created_by').references((): AnyPgColumn => users.id),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('dataset_versions_number_key').on(table.projectId, table.kind, table.number),
    oneOf('dataset_versions_kind', table.kind, DATASET_KINDS),
  ],
);

/** Which labels (rows of `demonstrations` or `rankings`, by the version's kind) a dataset version holds, in order. */
export const datasetVersionLabels = pgTable(
  'dataset_version_labels',
  {
    datasetVersionId: uuid('dataset_version_id')
      .notNull()
      .references(() => datasetVersions.id),
    position: integer('position').notNull(),
    labelId: uuid('label_id').notNull(),
    split: text('split', { enum: SPLITS }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.datasetVersionId, table.position] }),
    uniqueIndex('dataset_version_labels_key').on(table.datasetVersionId, table.labelId),
    index('dataset_version_labels_label').on(table.labelId),
    oneOf('dataset_version_labels_split', table.split, SPLITS),
  ],
);

/** A checkpoint folder and where it came from. */
export const models = pgTable(
  'models',
  {
    id: id(),
    /** Null for a base model that several projects share. */
    projectId: uuid('project_id').references((): AnyPgColumn => projects.id),
    name: text('name').notNull(),
    kind: text('kind', { enum: MODEL_KINDS }).notNull(),
    /** The Hugging Face folder, relative to TOUCHSTONE_HOME. */
    folder: text('folder').notNull(),
    metrics: jsonb('metrics').$type<Record<string, number>>().notNull().default({}),
    parentId: uuid('parent_id').references((): AnyPgColumn => models.id),
    datasetVersionId: uuid('dataset_version_id').references(() => datasetVersions.id),
    runId: uuid('run_id').references((): AnyPgColumn => runs.id),
    roundId: uuid('round_id').references((): AnyPgColumn => rounds.id),
    promotedAt: moment('promoted_at'),
    promotedBy: uuid('promoted_by').references((): AnyPgColumn => users.id),
    createdAt: createdAt(),
  },
  (table) => [
    // A run makes one model, however often its last step is repeated after a crash.
    uniqueIndex('models_run_key').on(table.runId),
    index('models_project').on(table.projectId, table.kind),
    oneOf('models_kind', table.kind, MODEL_KINDS),
  ],
);

/** One training run of one stage. */
export const runs = pgTable(
  'runs',
  {
    id: id(),
    projectId: uuid('project_id').references((): AnyPgColumn => projects.id),
    roundId: uuid('round_id').references((): AnyPgColumn => rounds.id),
    name: text('name').notNull().default(''),
    stage: text('stage', { enum: RUN_STAGES }).notNull(),
    status: text('status', { enum: RUN_STATUSES }).notNull().default('queued'),
    /** The stage's own config, parsed by its schema in the trainer. */
    config: jsonb('config').$type<Record<string, unknown>>().notNull(),
    parentModelId: uuid('parent_model_id').references((): AnyPgColumn => models.id),
    /** The reward model that PPO optimises against. */
    rewardModelId: uuid('reward_model_id').references((): AnyPgColumn => models.id),
    datasetVersionId: uuid('dataset_version_id').references(() => datasetVersions.id),
    step: integer('step').notNull().default(0),
    /** Null until the stage has counted its steps. */
    totalSteps: integer('total_steps'),
    /** The step from which the latest resume went on. */
    resumedFrom: integer('resumed_from'),
    resumeCount: integer('resume_count').notNull().default(0),
    /** The stage's last line of text. */
    message: text('message').notNull().default(''),
    error: text('error'),
    cancelRequestedAt: moment('cancel_requested_at'),
    createdBy: uuid('created_by').references((): AnyPgColumn => users.id),
    createdAt: createdAt(),
    startedAt: moment('started_at'),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    index('runs_round').on(table.roundId),
    index('runs_status').on(table.status),
    oneOf('runs_stage', table.stage, RUN_STAGES),
    oneOf('runs_status_value', table.status, RUN_STATUSES),
    check('runs_step', sql`${table.step} >= 0 and ${table.resumeCount} >= 0`),
  ],
);

export const runMetrics = pgTable(
  'run_metrics',
  {
    id: id(),
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id),
    step: integer('step').notNull(),
    values: jsonb('values').$type<Record<string, number>>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('run_metrics_key').on(table.runId, table.step)],
);

export const runSamples = pgTable(
  'run_samples',
  {
    id: id(),
    runId: uuid('run_id')
      .notNull()
      .references(() => runs.id),
    step: integer('step').notNull(),
    /** Which of the step's samples. */
    position: integer('position').notNull(),
    prompt: text('prompt').notNull(),
    completion: text('completion').notNull(),
    reward: doublePrecision('reward'),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('run_samples_key').on(table.runId, table.step, table.position)],
);

/** One turn of the loop: labels in, a better model out. `state` says how far, `status` whether it is going on. */
export const rounds = pgTable(
  'rounds',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references((): AnyPgColumn => projects.id),
    number: integer('number').notNull(),
    name: text('name').notNull().default(''),
    state: text('state', { enum: ROUND_STATES }).notNull().default('demonstrations'),
    status: text('status', { enum: ROUND_STATUSES }).notNull().default('active'),
    /** Counts up at each retry of the state it is in. */
    attempt: integer('attempt').notNull().default(0),
    /** Label counts that open the gates. */
    targets: jsonb('targets').$type<Record<string, number>>().notNull(),
    /** Configs by stage, sampling settings, prompts counts. */
    config: jsonb('config').$type<Record<string, unknown>>().notNull(),
    /** What each state was given (dataset version, parent checkpoint, runs), pinned when it was entered. */
    inputs: jsonb('inputs').$type<Record<string, unknown>>().notNull().default({}),
    baseModelId: uuid('base_model_id').references((): AnyPgColumn => models.id),
    /** The final figures; null before evaluation is done. */
    report: jsonb('report').$type<Record<string, unknown>>(),
    error: text('error'),
    createdBy: uuid('created_by').references((): AnyPgColumn => users.id),
    createdAt: createdAt(),
    stateSince: moment('state_since').notNull().defaultNow(),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    uniqueIndex('rounds_number_key').on(table.projectId, table.number),
    oneOf('rounds_state', table.state, ROUND_STATES),
    oneOf('rounds_status', table.status, ROUND_STATUSES),
  ],
);

/** Every move of a round, once: the unique index refuses a second go at the same move. */
export const roundTransitions = pgTable(
  'round_transitions',
  {
    id: id(),
    roundId: uuid('round_id')
      .notNull()
      .references(() => rounds.id),
    fromState: text('from_state').notNull(),
    toState: text('to_state').notNull(),
    attempt: integer('attempt').notNull().default(0),
    /** Null when its gate opened by itself. */
    actorId: uuid('actor_id').references((): AnyPgColumn => users.id),
    details: jsonb('details').$type<Record<string, unknown>>().notNull().default({}),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('round_transitions_key').on(table.roundId, table.fromState, table.toState, table.attempt),
  ],
);

/** Work for the worker: claimed with a lease, renewed by heartbeat, fenced by a number that each claim raises. */
export const jobs = pgTable(
  'jobs',
  {
    id: id(),
    kind: text('kind').notNull(),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    state: text('state', { enum: JOB_STATES }).notNull().default('queued'),
    /** Higher is claimed first. */
    priority: integer('priority').notNull().default(0),
    runId: uuid('run_id').references(() => runs.id),
    roundId: uuid('round_id').references(() => rounds.id),
    leaseUntil: moment('lease_until'),
    /** Who holds it, for example host and process id. */
    worker: text('worker'),
    /** Raised by each claim: a write that names an older one is refused. */
    fence: bigint('fence', { mode: 'number' }).notNull().default(0),
    attempts: integer('attempts').notNull().default(0),
    maxAttempts: integer('max_attempts').notNull().default(5),
    progress: jsonb('progress').$type<Record<string, unknown>>(),
    result: jsonb('result').$type<Record<string, unknown>>(),
    error: text('error'),
    createdAt: createdAt(),
    startedAt: moment('started_at'),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    index('jobs_claim')
      .on(table.priority.desc().nullsFirst(), table.id)
      .where(sql`${table.state} in ('queued', 'running')`),
    index('jobs_run').on(table.runId),
    index('jobs_round').on(table.roundId),
    oneOf('jobs_state', table.state, JOB_STATES),
  ],
);

/** A blind vote between two models' answers to one prompt, derived from an evaluation ranking. */
export const matches = pgTable(
  'matches',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references((): AnyPgColumn => projects.id),
    roundId: uuid('round_id').references(() => rounds.id),
    promptId: uuid('prompt_id')
      .notNull()
      .references((): AnyPgColumn => prompts.id),
    rankingId: uuid('ranking_id')
      .notNull()
      .references((): AnyPgColumn => rankings.id),
    labelerId: uuid('labeler_id')
      .notNull()
      .references((): AnyPgColumn => users.id),
    completionA: uuid('completion_a')
      .notNull()
      .references((): AnyPgColumn => completions.id),
    completionB: uuid('completion_b')
      .notNull()
      .references((): AnyPgColumn => completions.id),
    modelA: uuid('model_a')
      .notNull()
      .references(() => models.id),
    modelB: uuid('model_b')
      .notNull()
      .references(() => models.id),
    outcome: text('outcome', { enum: MATCH_OUTCOMES }).notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('matches_key').on(table.rankingId, table.completionA, table.completionB),
    index('matches_round').on(table.roundId, table.modelA, table.modelB),
    oneOf('matches_outcome', table.outcome, MATCH_OUTCOMES),
  ],
);
