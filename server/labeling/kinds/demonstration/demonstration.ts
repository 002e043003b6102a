import { inArray } from 'drizzle-orm';
import { demonstrations } from '@/db/schema.ts';
import { insertPrompts } from '../../../datasets/prompts-import.ts';
import { AppError } from '../../../errors.ts';
import { written } from '../../label.ts';
import type { Kind } from '../kind.ts';
import { type DemonstrationContent, demonstrationContent, demonstrationDraft } from './schema.ts';
import { CLOSING_QUESTIONS } from './vocabulary.ts';

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
