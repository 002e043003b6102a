import { and, eq, inArray, isNotNull } from 'drizzle-orm';
import { z } from 'zod';
import type { Database, Transaction } from '@/db/client.ts';
import {
  assignments,
  completions,
  demonstrations,
  type Message,
  rankings,
  taskCompletions,
  tasks,
  users,
} from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { AppError } from '../errors.ts';
import { writtenText } from '../labeling/schemas.ts';
import { record } from '../people/audit.ts';
import { type Line, parseLine } from './lines.ts';
import { hashConversation, type ImportSource, insertPrompts, splitOf } from './prompts-import.ts';

const EXPECTED =
  'an Open-Assistant tree { message_tree_id, prompt: { message_id, role, text, replies: […] } }';
const SOURCE = 'open-assistant';

interface TreeMessage {
  message_id: string;
  role: 'prompter' | 'assistant';
  text: string;
  rank?: number | null | undefined;
  deleted?: boolean | null | undefined;
  synthetic?: boolean | null | undefined;
  lang?: string | null | undefined;
  model_name?: string | null | undefined;
  replies?: TreeMessage[] | undefined;
}

// Not strict about further keys: the published dumps differ in what else they say of a message.
const treeMessage: z.ZodType<TreeMessage, unknown> = z.object({
  message_id: z.string().min(1),
  role: z.enum(['prompter', 'assistant'], { error: 'expected prompter or assistant' }),
  text: writtenText,
  rank: z
    .int('expected a whole number from 0 (best) up')
    .min(0, 'expected a whole number from 0 (best) up')
    .nullish(),
  deleted: z.boolean().nullish(),
  synthetic: z.boolean().nullish(),
  lang: z.string().nullish(),
  model_name: z.string().nullish(),
  get replies() {
    return z.array(treeMessage).optional();
  },
});

const tree = z.object({ message_tree_id: z.string().min(1), prompt: treeMessage });

export interface TreesImported {
  trees: number;
  /** New prompts: every turn of a prompter, with the conversation before it. */
  prompts: number;
  /** New completions: every reply of an assistant. */
  completions: number;
  /** Replies that have a rank, of those. */
  rankedReplies: number;
  /** Rankings: one for each prompt with two or more ranked replies. */
  rankings: number;
  demonstrations: number;
  /** Replies that were there already. */
  existing: number;
}

/**
 * Imports Open-Assistant conversation trees, all of them or none: prompts (of several turns too), completions, and
 * rankings by a labeler of kind `imported`. All prompts of a tree fall into one split. Importing a file again adds
 * nothing. Deleted messages, and what hangs below them, stay out.
 * @param input.demonstrations whether the best-ranked reply that a person wrote also becomes a demonstration
 * @throws BAD_INPUT that names file, line and field; nothing is written then
 */
export async function importTrees(
  db: Database,
  input: ImportSource & { demonstrations: boolean },
): Promise<TreesImported> {
  return db.transaction(async (tx) => {
    const labelerId = await importedLabeler(tx, input.project.id);
    const result: TreesImported = {
      trees: 0,
      prompts: 0,
      completions: 0,
      rankedReplies: 0,
      rankings: 0,
      demonstrations: 0,
      existing: 0,
    };
    for await (const line of input.lines) {
      await importTree(tx, input, labelerId, line, result);
    }
    await record(
      tx,
      input.actorId,
      'trees.imported',
      { kind: 'project', id: input.project.id },
      {
        fileName: input.fileName,
        ...result,
      },
    );
    return result;
  });
}

interface Turn {
  messages: Message[];
  node: TreeMessage;
  replies: TreeMessage[];
}

async function importTree(
  tx: Transaction,
  input: ImportSource & { demonstrations: boolean },
  labelerId: string,
  line: Line,
  result: TreesImported,
): Promise<void> {
  const { prompt: root } = parseLine(line, tree, EXPECTED);
  const turns = turnsOf(root, line.where);
  result.trees++;
  const [first] = turns;
  if (!first) return;
  const split = splitOf(hashConversation(first.messages));
  const written = await insertPrompts(
    tx,
    input.project.id,
    turns.map(({ messages, node }) => ({
      messages,
      source: input.fileName,
      externalId: node.message_id,
      split,
      metadata: node.lang ? { lang: node.lang } : {},
    })),
  );
  const labels = new LabelRows(input.project.id, labelerId);
  const answers: (typeof completions.$inferInsert)[] = [];
  for (const [index, turn] of turns.entries()) {
    const prompt = written[index];
    if (!prompt) continue;
    if (prompt.isNew) result.prompts++;
    const known = await knownReplies(tx, prompt.id);
    const fresh = turn.replies.filter((reply) => !known.has(reply.message_id));
    result.existing += turn.replies.length - fresh.length;
    const rows = fresh.map((reply) => ({ reply, row: completionRow(input.project.id, prompt.id, reply) }));
    answers.push(...rows.map(({ row }) => row));
    result.completions += rows.length;
    const ranked = rows.flatMap(({ reply, row }) =>
      typeof reply.rank === 'number' ? [{ id: row.id, rank: reply.rank, reply }] : [],
    );
    result.rankedReplies += ranked.length;
    if (ranked.length >= 2) {
      labels.addRanking(prompt.id, ranked);
      result.rankings++;
    }
    const best = ranked.toSorted((a, b) => a.rank - b.rank)[0];
    if (input.demonstrations && best && !best.reply.synthetic) {
      labels.addDemonstration(prompt.id, best.reply.text);
      result.demonstrations++;
    }
  }
  if (answers.length > 0) await tx.insert(completions).values(answers);
  await labels.write(tx);
}

/** Every prompter's turn of a tree with the conversation up to it, and the replies to it. */
function turnsOf(root: TreeMessage, where: string): Turn[] {
  const turns: Turn[] = [];
  const visit = (node: TreeMessage, before: Message[], path: string) => {
    if (node.deleted) return;
    const isPrompt = before.length % 2 === 0;
    if (isPrompt !== (node.role === 'prompter')) {
      throw new AppError(
        'BAD_INPUT',
        `${where}: ${path}.role: ${node.role} follows ${isPrompt ? 'an assistant or nothing' : 'a prompter'}: expected ${isPrompt ? 'prompter' : 'assistant'}.`,
      );
    }
    const role = isPrompt ? 'user' : 'assistant';
    const messages: Message[] = [...before, { role, content: node.text }];
    const replies = (node.replies ?? []).filter((reply) => !reply.deleted);
    if (isPrompt) turns.push({ messages, node, replies });
    for (const [index, reply] of (node.replies ?? []).entries()) {
      visit(reply, messages, `${path}.replies[${index}]`);
    }
  };
  visit(root, [], 'prompt');
  return turns;
}

function completionRow(projectId: string, promptId: string, reply: TreeMessage) {
  return {
    id: uuidv7(),
    projectId,
    promptId,
    text: reply.text,
    source: SOURCE,
    externalId: reply.message_id,
    metadata: {
      ...(reply.model_name ? { model: reply.model_name } : {}),
      ...(reply.synthetic ? { synthetic: true } : {}),
    },
  };
}

async function knownReplies(tx: Transaction, promptId: string): Promise<Set<string | null>> {
  const rows = await tx
    .select({ externalId: completions.externalId })
    .from(completions)
    .where(
      and(
        eq(completions.promptId, promptId),
        eq(completions.source, SOURCE),
        isNotNull(completions.externalId),
      ),
    );
  return new Set(rows.map((row) => row.externalId));
}

/** The user in whose name imported labels of a project stand. */
async function importedLabeler(tx: Transaction, projectId: string): Promise<string> {
  const email = `imported+${projectId}@touchstone.invalid`;
  await tx
    .insert(users)
    .values({ email, name: 'Open-Assistant (imported)', role: 'contractor', kind: 'imported' })
    .onConflictDoNothing();
  const [labeler] = await tx
    .select({ id: users.id })
    .from(users)
    .where(inArray(users.email, [email]));
  if (!labeler) throw new AppError('INTERNAL', 'The imported labeler was not written.');
  return labeler.id;
}

/** Collects tasks that are done already, with their one label each, and writes them together. */
class LabelRows {
  private readonly tasks: (typeof tasks.$inferInsert)[] = [];
  private readonly members: (typeof taskCompletions.$inferInsert)[] = [];
  private readonly assignments: (typeof assignments.$inferInsert)[] = [];
  private readonly rankings: (typeof rankings.$inferInsert)[] = [];
  private readonly demonstrations: (typeof demonstrations.$inferInsert)[] = [];

  constructor(
    private readonly projectId: string,
    private readonly labelerId: string,
  ) {}

  /** @param ranked completions with Open-Assistant's ranks: 0 is best, equal ranks are ties */
  addRanking(promptId: string, ranked: { id: string; rank: number }[]): void {
    const groups: string[][] = [];
    let rank: number | undefined;
    for (const item of ranked.toSorted((a, b) => a.rank - b.rank)) {
      if (item.rank === rank) groups.at(-1)?.push(item.id);
      else groups.push([item.id]);
      rank = item.rank;
    }
    const shownOrder = ranked.map((item) => item.id);
    const label = this.add(promptId, 'ranking', shownOrder);
    this.members.push(...shownOrder.map((completionId) => ({ taskId: label.taskId, completionId })));
    this.rankings.push({ ...label, groups });
  }

  addDemonstration(promptId: string, text: string): void {
    this.demonstrations.push({ ...this.add(promptId, 'demonstration', []), text });
  }

  async write(tx: Transaction): Promise<void> {
    if (this.tasks.length === 0) return;
    await tx.insert(tasks).values(this.tasks);
    if (this.members.length > 0) await tx.insert(taskCompletions).values(this.members);
    await tx.insert(assignments).values(this.assignments);
    if (this.rankings.length > 0) await tx.insert(rankings).values(this.rankings);
    if (this.demonstrations.length > 0) await tx.insert(demonstrations).values(this.demonstrations);
  }

  private add(promptId: string, kind: 'ranking' | 'demonstration', shownOrder: string[]) {
    const { projectId, labelerId } = this;
    const [taskId, assignmentId] = [uuidv7(), uuidv7()];
    this.tasks.push({ id: taskId, projectId, promptId, kind, wantedLabels: 1, taken: 1, state: 'closed' });
    this.assignments.push({
      id: assignmentId,
      taskId,
      projectId,
      kind,
      labelerId,
      state: 'submitted',
      shownOrder,
      endedAt: new Date(),
    });
    return { assignmentId, taskId, projectId, promptId, labelerId, idempotencyKey: `import ${assignmentId}` };
  }
}
