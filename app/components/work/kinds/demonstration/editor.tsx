'use client';

import { useDeferredValue, useRef, useState } from 'react';
import { CLOSING_QUESTIONS, type ClosingQuestion } from '@/server/labeling/kinds/demonstration/vocabulary.ts';
import { count, countWords } from '../../../../lib/format.ts';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { ReadingText } from '../../../ui/reading-text.tsx';
import type { EditorProps } from '../kind.ts';
import type { DemonstrationDraft } from './demonstration.tsx';

const QUESTIONS = Object.entries(CLOSING_QUESTIONS) as [ClosingQuestion, string][];

/** The field for the answer, its preview, and the questions before it is sent. */
export function DemonstrationEditor({ draft, change }: EditorProps<DemonstrationDraft>) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [preview, setPreview] = useState(false);
  const { text } = draft;
  // Counting may lag behind the keys, never hold them up.
  const words = countWords(useDeferredValue(text));

  useKeys([
    { keys: 'e', label: 'Go to the answer', run: () => field.current?.focus() },
    { keys: 'Mod+e', label: 'Show or leave the preview', run: () => setPreview((shown) => !shown) },
  ]);

  return (
    <div className="mx-auto flex w-full max-w-7xl flex-1 flex-col gap-3 px-4 pb-6 sm:px-6">
      <div className="flex max-w-[40.6rem] items-center gap-3">
        <h2 className="flex-1 text-12 font-strong tracking-wide text-quiet">YOUR ANSWER</h2>
        <span className="figures text-12 text-quiet">
          {count(words)} {words === 1 ? 'word' : 'words'}
        </span>
        <ChoiceChip pressed={preview} onToggle={() => setPreview(!preview)}>
          Preview
        </ChoiceChip>
      </div>
      {preview ? (
        <div className="min-h-64 rounded-one bg-surface p-4">
          {text.trim() !== '' ? (
            <ReadingText text={text} />
          ) : (
            <p className="text-quiet">Nothing written yet.</p>
          )}
        </div>
      ) : (
        <textarea
          ref={field}
          aria-label="Your answer"
          dir="auto"
          value={text}
          onChange={(event) => change({ ...draft, text: event.target.value })}
          placeholder="Write the answer that the model should give."
          spellCheck
          className="reading field-sizing-content min-h-64 w-full max-w-[40.6rem] resize-none rounded-one border border-edge bg-surface p-4"
        />
      )}
      <fieldset className="flex flex-wrap items-center gap-2">
        <legend className="pb-1 text-12 text-quiet">Before you send it</legend>
        {QUESTIONS.map(([id, question]) => (
          <ChoiceChip
            key={id}
            pressed={draft.checklist.includes(id)}
            onToggle={() =>
              change({
                ...draft,
                checklist: draft.checklist.includes(id)
                  ? draft.checklist.filter((one) => one !== id)
                  : [...draft.checklist, id],
              })
            }
          >
            {question}
          </ChoiceChip>
        ))}
      </fieldset>
    </div>
  );
}
