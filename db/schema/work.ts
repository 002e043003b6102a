import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, id, moment, oneOf } from './columns.ts';
import type {
  Brief,
  Draft,
  Message,
  ProjectSettings,
  ReviewFinding,
  SamplingSettings,
  Strength,
} from './json.ts';
import { models, rounds } from './learning.ts';
import { users } from './people.ts';
import {
  ASSIGNMENT_STATES,
  PROJECT_STATES,
  REVIEW_REASONS,
  REVIEW_VERDICTS,
  SPLITS,
  TASK_KINDS,
  TASK_PURPOSES,
  TASK_STATES,
} from './values.ts';

export const projects = pgTable(
  'projects',
  {
    id: id(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    settings: jsonb('settings').$type<ProjectSettings>().notNull(),
    state: text('state', { enum: PROJECT_STATES }).notNull().default('active'),
    createdBy: uuid('created_by').references((): AnyPgColumn => users.id),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('projects_name_key').on(sql`lower(${table.name})`),
    oneOf('projects_state', table.state, PROJECT_STATES),
  ],
);

/** The written instructions of a project. A change is a new version; the older ones stay. */
export const guidelines = pgTable(
  'guidelines',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id),
    version: integer('version').notNull(),
    markdown: text('markdown').notNull(),
    /** What changed since the version before, in a sentence. */
    changeNote: text('change_note').notNull().default(''),
    authorId: uuid('author_id').references((): AnyPgColumn => users.id),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('guidelines_project_version_key').on(table.projectId, table.version)],
);

/** Which guideline versions a person has read; a newer one is shown with what changed. */
export const guidelineReads = pgTable(
  'guideline_reads',
  {
    userId: uuid('user_id')
      .notNull()
      .references((): AnyPgColumn => users.id),
    guidelineId: uuid('guideline_id')
      .notNull()
      .references(() => guidelines.id),
    readAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.guidelineId] })],
);

export const prompts = pgTable(
  'prompts',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id),
    /** The conversation; its last turn is the user's. */
    messages: jsonb('messages').$type<Message[]>().notNull(),
    /** SHA-256 of the conversation, in hex: a prompt enters a project once. */
    contentHash: text('content_hash').notNull(),
    /** Where it came from, for example a file's name. */
    source: text('source').notNull(),
    /** Its id there. */
    externalId: text('external_id'),
    split: text('split', { enum: SPLITS }).notNull(),
    metadata: jsonb('metadata').$type<Record<string, unknown>>().notNull().default({}),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('prompts_project_hash_key').on(table.projectId, table.contentHash),
    oneOf('prompts_split', table.split, SPLITS),
  ],
);

/** A model's (or, imported, anybody's) answer to a prompt. Never changed once written. */
export const completions = pgTable(
  'completions',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id),
    promptId: uuid('prompt_id')
      .notNull()
      .references(() => prompts.id),
    text: text('text').notNull(),
    /** The checkpoint that wrote it; null when it was imported. */
    modelId: uuid('model_id').references((): AnyPgColumn => models.id),
    roundId: uuid('round_id').references((): AnyPgColumn => rounds.id),
    source: text('source').notNull(),
    externalId: text('external_id'),
    sampling: jsonb('sampling').$type<SamplingSettings>().notNull().default({}),
    /** Sum of the tokens' log-probabilities under the sampling policy, in nats. */
    logProbability: doublePrecision('log_probability'),
    /** Tokens, with the end-of-text token. */
    tokens: integer('tokens'),
    /** Whether it ended by itself rather than at the length limit. */
    finished: boolean('finished').notNull().default(true),
    /** A reward model's score and which model gave it. */
    reward: doublePrecision('reward'),
    rewardModelId: uuid('reward_model_id').references((): AnyPgColumn => models.id),
    metadata: jsonb('metadata').$type<Record<string, unknown>>().notNull().default({}),
    createdAt: createdAt(),
  },
  (table) => [
    index('completions_prompt').on(table.promptId),
    index('completions_round_model').on(table.roundId, table.modelId),
    uniqueIndex('completions_external_key')
      .on(table.promptId, table.source, table.externalId)
      .where(sql`${table.externalId} is not null`),
  ],
);

/**
 * A piece of work wanted from `wanted_labels` different people. `taken` counts live leases plus submitted labels;
 * the check below is the first invariant of handing out work, held by the database itself.
 */
export const tasks = pgTable(
  'tasks',
  {
    id: id(),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id),
    /** Null when the labeler writes the prompt: `brief` says what about. */
    promptId: uuid('prompt_id').references(() => prompts.id),
    brief: jsonb('brief').$type<Brief>(),
    /** The task whose labels are reviewed, for a review. */
    subjectTaskId: uuid('subject_task_id').references((): AnyPgColumn => tasks.id),
    reviewReason: text('review_reason', { enum: REVIEW_REASONS }),
    /** The number behind the reason; null where there is none, as for a sample. */
    reviewFinding: jsonb('review_finding').$type<ReviewFinding>(),
    kind: text('kind', { enum: TASK_KINDS }).notNull(),
    purpose: text('purpose', { enum: TASK_PURPOSES }).notNull().default('training'),
    wantedLabels: integer('wanted_labels').notNull().default(1),
    taken: integer('taken').notNull().default(0),
    /** Higher is handed out first. */
    priority: integer('priority').notNull().default(0),
    roundId: uuid('round_id').references((): AnyPgColumn => rounds.id),
    /** The known answer of a gold task. */
    gold: jsonb('gold').$type<Record<string, unknown>>(),
    /** `closed` tasks are handed out no more. */
    state: text('state', { enum: TASK_STATES }).notNull().default('open'),
    createdAt: createdAt(),
  },
  (table) => [
    // Nulls first, as `order by priority desc` has them: otherwise the order would not be the index's own, and every
    // request for work would sort the queue. Tasks with known answers have a queue of their own.
    index('tasks_open')
      .on(table.projectId, table.kind, table.priority.desc().nullsFirst(), table.id)
      .where(
        sql`${table.state} = 'open' and ${table.taken} < ${table.wantedLabels} and ${table.purpose} in ('training', 'evaluation')`,
      ),
    index('tasks_checks_open')
      .on(table.projectId, table.kind, table.purpose, table.id)
      .where(
        sql`${table.state} = 'open' and ${table.taken} < ${table.wantedLabels} and ${table.purpose} in ('gold', 'screening')`,
      ),
    index('tasks_prompt').on(table.promptId),
    // A task's labels are in review once.
    uniqueIndex('tasks_subject_key').on(table.subjectTaskId).where(sql`${table.subjectTaskId} is not null`),
    check(
      'tasks_prompt_or_brief',
      sql`(${table.promptId} is null) = (${table.brief} is not null) and (${table.brief} is null or ${table.kind} = 'demonstration')`,
    ),
    check(
      'tasks_subject',
      sql`(${table.kind} = 'review') = (${table.subjectTaskId} is not null) and (${table.kind} = 'review') = (${table.reviewReason} is not null)`,
    ),
    index('tasks_round').on(table.roundId, table.kind, table.purpose),
    index('tasks_project_kind').on(table.projectId, table.kind),
    check('tasks_not_over_assigned', sql`${table.taken} between 0 and ${table.wantedLabels}`),
    check('tasks_wanted_labels', sql`${table.wantedLabels} >= 1`),
    oneOf('tasks_kind', table.kind, TASK_KINDS),
    oneOf('tasks_purpose', table.purpose, TASK_PURPOSES),
    oneOf('tasks_state', table.state, TASK_STATES),
    oneOf('tasks_review_reason', table.reviewReason, REVIEW_REASONS),
  ],
);

/** The completions that a ranking task ranks. The order in which one labeler sees them is on the assignment. */
export const taskCompletions = pgTable(
  'task_completions',
  {
    id: id(),
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id),
    completionId: uuid('completion_id')
      .notNull()
      .references(() => completions.id),
  },
  (table) => [
    uniqueIndex('task_completions_key').on(table.taskId, table.completionId),
    index('task_completions_completion').on(table.completionId),
  ],
);

/** One person's one go at one task: lease, draft, and how it ended. */
export const assignments = pgTable(
  'assignments',
  {
    id: id(),
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id),
    kind: text('kind', { enum: TASK_KINDS }).notNull(),
    labelerId: uuid('labeler_id')
      .notNull()
      .references((): AnyPgColumn => users.id),
    state: text('state', { enum: ASSIGNMENT_STATES }).notNull().default('active'),
    leaseUntil: moment('lease_until'),
    /** Completion ids in the order in which this labeler sees them. */
    shownOrder: uuid('shown_order').array().notNull().default(sql`'{}'::uuid[]`),
    draft: jsonb('draft').$type<Draft>(),
    /** Counts the saves of the draft; a save that names another number than the current one is a conflict. */
    draftRevision: integer('draft_revision').notNull().default(0),
    draftSavedAt: moment('draft_saved_at'),
    /** The guideline version under which the work was handed out. */
    guidelineId: uuid('guideline_id').references(() => guidelines.id),
    skipReason: text('skip_reason'),
    skipNote: text('skip_note'),
    /** Seconds of activity on the page, idle time not counted. */
    activeSeconds: doublePrecision('active_seconds').notNull().default(0),
    /** How well the label agrees with the known answer of a gold or screening task, 0 to 1. */
    goldScore: doublePrecision('gold_score'),
    createdAt: createdAt(),
    /** When it was submitted, skipped, or its lease ran out. */
    endedAt: moment('ended_at'),
  },
  (table) => [
    // The second invariant: a person never gets the same task twice.
    uniqueIndex('assignments_task_labeler_key').on(table.taskId, table.labelerId),
    // One piece of work in hand for each person, project and kind, whatever two tabs do at once.
    uniqueIndex('assignments_one_active_key')
      .on(table.labelerId, table.projectId, table.kind)
      .where(sql`${table.state} = 'active'`),
    index('assignments_leases').on(table.projectId, table.leaseUntil).where(sql`${table.state} = 'active'`),
    index('assignments_labeler').on(table.labelerId, table.projectId, table.createdAt),
    // What a person lost to an expired lease, and what they handed in today: looked for with every task handed out.
    index('assignments_lost').on(table.labelerId, table.projectId).where(sql`${table.state} = 'expired'`),
    index('assignments_done')
      .on(table.labelerId, table.projectId, table.endedAt)
      .where(sql`${table.state} in ('submitted', 'late')`),
    // A person's history, over all projects, newest first: ids are in the order of time.
    index('assignments_history').on(table.labelerId, table.id),
    oneOf('assignments_kind', table.kind, TASK_KINDS),
    oneOf('assignments_state', table.state, ASSIGNMENT_STATES),
    check('assignments_lease', sql`(${table.state} = 'active') = (${table.leaseUntil} is not null)`),
  ],
);

/** Older saves of a draft, kept so that nothing typed is ever overwritten for good. */
export const draftRevisions = pgTable(
  'draft_revisions',
  {
    id: id(),
    assignmentId: uuid('assignment_id')
      .notNull()
      .references(() => assignments.id),
    revision: integer('revision').notNull(),
    content: jsonb('content').$type<Draft>().notNull(),
    savedAt: moment('saved_at').notNull(),
  },
  (table) => [uniqueIndex('draft_revisions_key').on(table.assignmentId, table.revision)],
);

/** Columns that every kind of label has: whose, of what, which version of it, and whether it counts. */
const label = () => ({
  id: id(),
  assignmentId: uuid('assignment_id')
    .notNull()
    .references(() => assignments.id),
  taskId: uuid('task_id')
    .notNull()
    .references(() => tasks.id),
  projectId: uuid('project_id')
    .notNull()
    .references(() => projects.id),
  promptId: uuid('prompt_id')
    .notNull()
    .references(() => prompts.id),
  labelerId: uuid('labeler_id')
    .notNull()
    .references((): AnyPgColumn => users.id),
  guidelineId: uuid('guideline_id').references(() => guidelines.id),
  /** 1 for what was first submitted; an edit is the next version. */
  version: integer('version').notNull().default(1),
  /** Set when a later version took its place; the row stays. */
  supersededAt: moment('superseded_at'),
  /** True when it came after the task had all the labels it wanted: kept, not counted. */
  late: boolean('late').notNull().default(false),
  /** Names one submission: sent twice, it is stored once. */
  idempotencyKey: text('idempotency_key').notNull(),
  activeSeconds: doublePrecision('active_seconds').notNull().default(0),
  createdAt: createdAt(),
});

export const demonstrations = pgTable(
  'demonstrations',
  {
    ...label(),
    text: text('text').notNull(),
    /** The prompt itself, when the labeler wrote that too. */
    writtenPrompt: jsonb('written_prompt').$type<Message[]>(),
    /** Closing questions that the labeler answered with yes. */
    checklist: text('checklist').array().notNull().default(sql`'{}'::text[]`),
  },
  (table) => [
    uniqueIndex('demonstrations_version_key').on(table.assignmentId, table.version),
    uniqueIndex('demonstrations_current_key')
      .on(table.assignmentId)
      .where(sql`${table.supersededAt} is null`),
    uniqueIndex('demonstrations_idempotency_key').on(table.assignmentId, table.idempotencyKey),
    index('demonstrations_project').on(table.projectId, table.createdAt),
    index('demonstrations_labeler').on(table.labelerId, table.createdAt),
    index('demonstrations_task').on(table.taskId),
  ],
);

/**
 * What texts like a demonstration are found by: MinHash bands of it (server/labeling/near). Made when they are first
 * asked for; can be made again from the text at any time.
 */
export const textSketches = pgTable(
  'text_sketches',
  {
    demonstrationId: uuid('demonstration_id')
      .primaryKey()
      .references(() => demonstrations.id),
    bands: integer('bands').array().notNull(),
  },
  (table) => [index('text_sketches_bands').using('gin', table.bands)],
);

export const rankings = pgTable(
  'rankings',
  {
    ...label(),
    /** Completion ids, best first; those in one group are tied. Each completion of the task exactly once. */
    groups: jsonb('groups').$type<string[][]>().notNull(),
    /** How much better each group is than the next: one fewer than groups, or null when not asked. */
    strengths: jsonb('strengths').$type<Strength[]>(),
    /** The labeler found none of them acceptable. */
    allBad: boolean('all_bad').notNull().default(false),
    note: text('note').notNull().default(''),
  },
  (table) => [
    uniqueIndex('rankings_version_key').on(table.assignmentId, table.version),
    uniqueIndex('rankings_current_key').on(table.assignmentId).where(sql`${table.supersededAt} is null`),
    uniqueIndex('rankings_idempotency_key').on(table.assignmentId, table.idempotencyKey),
    index('rankings_project').on(table.projectId, table.createdAt),
    index('rankings_labeler').on(table.labelerId, table.createdAt),
    index('rankings_task').on(table.taskId),
  ],
);

/** A labeler's view of one completion by itself, given with a ranking. */
export const ratings = pgTable(
  'ratings',
  {
    id: id(),
    rankingId: uuid('ranking_id')
      .notNull()
      .references(() => rankings.id),
    completionId: uuid('completion_id')
      .notNull()
      .references(() => completions.id),
    /** 1 (worst) to 7 (best); null when only flags were given. */
    overall: smallint('overall'),
    flags: text('flags').array().notNull().default(sql`'{}'::text[]`),
  },
  (table) => [
    uniqueIndex('ratings_key').on(table.rankingId, table.completionId),
    check('ratings_overall', sql`${table.overall} between 1 and 7`),
  ],
);

/**
 * A second person's judgement of the labels of a task. The reviewer's own answer, when they give one, is a
 * demonstration or ranking of the same assignment.
 */
export const reviews = pgTable(
  'reviews',
  {
    ...label(),
    /** The task whose labels were judged. */
    subjectTaskId: uuid('subject_task_id')
      .notNull()
      .references(() => tasks.id),
  },
  (table) => [
    uniqueIndex('reviews_version_key').on(table.assignmentId, table.version),
    uniqueIndex('reviews_current_key').on(table.assignmentId).where(sql`${table.supersededAt} is null`),
    uniqueIndex('reviews_idempotency_key').on(table.assignmentId, table.idempotencyKey),
    index('reviews_project').on(table.projectId, table.createdAt),
    index('reviews_labeler').on(table.labelerId, table.createdAt),
    index('reviews_task').on(table.taskId),
    index('reviews_subject').on(table.subjectTaskId),
  ],
);

/** What a review says of one label; `labelId` is a row of `demonstrations` or `rankings`. */
export const reviewVerdicts = pgTable(
  'review_verdicts',
  {
    id: id(),
    reviewId: uuid('review_id')
      .notNull()
      .references(() => reviews.id),
    labelId: uuid('label_id').notNull(),
    verdict: text('verdict', { enum: REVIEW_VERDICTS }).notNull(),
    comment: text('comment').notNull().default(''),
  },
  (table) => [
    uniqueIndex('review_verdicts_key').on(table.reviewId, table.labelId),
    index('review_verdicts_label').on(table.labelId),
    oneOf('review_verdicts_verdict', table.verdict, REVIEW_VERDICTS),
  ],
);
