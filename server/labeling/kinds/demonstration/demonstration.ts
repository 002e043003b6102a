import { inArray } from 'drizzle-orm';
import { demonstrations, type Message, type PromptForm } from '@/db/schema.ts';
import { insertPrompts } from '../../../datasets/prompts-import.ts';
import { AppError } from '../../../errors.ts';
import { written } from '../../label.ts';
import type { Kind } from '../kind.ts';
import { type DemonstrationContent, demonstrationContent, demonstrationDraft } from './schema.ts';
import { CLOSING_QUESTIONS, FEWEST_EXAMPLES, MOST_EXAMPLES } from './vocabulary.ts';

/** Writing the answer that the model should give; where the task has no prompt, the prompt too. */
export const demonstration: Kind<DemonstrationContent> = {
  name: 'demonstration',
  content: demonstrationContent,
  draft: demonstrationDraft,
  table: demonstrations,

  check({ task }, { prompt }) {
    if (task.brief !== null && prompt === null) {
      throw new AppError('BAD_INPUT', 'prompt: is missing: this task asks for the prompt as well.');
    }
    if (task.brief === null && prompt !== null) {
      throw new AppError('BAD_INPUT', 'prompt: the prompt of this task is given: expected the answer alone.');
    }
    if (task.brief !== null && prompt !== null) checkForm(task.brief.form, prompt);
  },

  async insert({ tx }, base, { text, prompt, checklist }) {
    const rows = await tx
      .insert(demonstrations)
      .values({ ...base, text, writtenPrompt: prompt, checklist })
      .returning({ id: demonstrations.id });
    return written(rows).id;
  },

  async load(db, labelIds) {
    const rows = await db.select().from(demonstrations).where(inArray(demonstrations.id, labelIds));
    const known = (name: string): name is keyof typeof CLOSING_QUESTIONS => name in CLOSING_QUESTIONS;
    return new Map(
      rows.map(({ id, text, writtenPrompt, checklist }) => [
        id,
        {
          kind: 'demonstration' as const,
          text,
          prompt: writtenPrompt,
          checklist: checklist.filter(known),
        },
      ]),
    );
  },

  async writePrompt({ tx, task, assignment }, { prompt }) {
    const [row] = await insertPrompts(tx, task.projectId, [
      {
        messages: prompt ?? [],
        source: 'written by a labeler',
        externalId: assignment.id,
        metadata: { form: task.brief?.form },
      },
    ]);
    return written(row ? [row] : []).id;
  },
};

/** A few-shot prompt has its examples as turns before the last one; the other forms are one turn. */
function checkForm(form: PromptForm, prompt: Message[]): void {
  if (form !== 'few_shot') {
    if (prompt.length === 1) return;
    throw new AppError('BAD_INPUT', `prompt: expected one turn, the user’s, not ${prompt.length} turns.`);
  }
  const wrong = prompt.findIndex(({ role }, index) => role !== (index % 2 === 0 ? 'user' : 'assistant'));
  if (wrong !== -1) {
    const expected = wrong % 2 === 0 ? 'user' : 'assistant';
    throw new AppError(
      'BAD_INPUT',
      `prompt[${wrong}].role: expected ${expected}, as user and assistant take turns.`,
    );
  }
  const examples = (prompt.length - 1) / 2;
  if (examples < FEWEST_EXAMPLES || examples > MOST_EXAMPLES) {
    throw new AppError(
      'BAD_INPUT',
      `prompt: expected ${FEWEST_EXAMPLES} to ${MOST_EXAMPLES} examples before the last input, not ${examples}.`,
    );
  }
}
