import type { z } from 'zod';
import type { Executor } from '@/db/client.ts';
import type { Draft, demonstrations, rankings, reviews, TaskKind } from '@/db/schema.ts';
import type { Answering, LabelBase } from '../label.ts';

/**
 * A kind of task: all that the labeling knows of it. To add a kind, write a folder like these with its definition,
 * its table in db/schema/work.ts, a folder of the same name in app/components/work/kinds with its page, and name it in
 * the two `kinds.ts`.
 */
export interface Kind<Content extends { kind: TaskKind }> {
  name: Content['kind'];
  /** What is submitted, strictly. */
  content: z.ZodType<Content, unknown>;
  /** What is saved while it is worked on: the same, unfinished. */
  draft: z.ZodType<Extract<Draft, { kind: Content['kind'] }>, unknown>;
  /** Where its labels are stored. */
  table: typeof demonstrations | typeof rankings | typeof reviews;
  /**
   * Holds a label against its task.
   * @throws BAD_INPUT with one sentence that names the first field at fault
   */
  check(answering: Answering, content: Content): Promise<void> | void;
  /** Writes a checked label, and returns the id of its row in `table`. */
  insert(answering: Answering, base: LabelBase, content: Content): Promise<string>;
  /** The contents of labels, by the ids of their rows in `table`. */
  load(db: Executor, labelIds: string[]): Promise<Map<string, Content>>;
  /**
   * The prompt of a label whose task has none yet.
   * @returns its id
   */
  writePrompt?(answering: Answering, content: Content): Promise<string>;
  /** The current labels of other kinds that were handed in with one of this kind, and that its next version replaces. */
  alongside?(db: Executor, assignmentId: string): Promise<string[]>;
  /** How well a label agrees with the known answer of its gold or screening task, 0 to 1; null when that cannot be said. */
  grade?(content: Content, gold: Record<string, unknown>): number | null;
}
