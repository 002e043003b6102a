'use client';

import { useCallback, useDeferredValue, useEffect, useRef, useState } from 'react';
import { CLOSING_QUESTIONS, type ClosingQuestion } from '@/server/labeling/kinds/demonstration/vocabulary.ts';
import { count, countWords } from '../../../../lib/format.ts';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { Kbd } from '../../../ui/kbd.tsx';
import { keyName, useKeys } from '../../../ui/keys.tsx';
import { useNotices } from '../../../ui/notices.tsx';
import { Conversation, ReadingText } from '../../../ui/reading-text.tsx';
import type { EditorProps } from '../kind.ts';
import type { DemonstrationDraft } from './demonstration.tsx';
import { EarlierLikeThis } from './earlier-like-this.tsx';
import { PromptForm } from './prompt-form.tsx';
import { WritingField } from './writing-field.tsx';
import { draftOf, fieldsOf, messagesOf } from './written-prompt.ts';

const QUESTIONS = Object.entries(CLOSING_QUESTIONS) as [ClosingQuestion, string][];

/** The field for the answer (and for the prompt, where that is wanted too), the preview, and the closing questions. */
export function DemonstrationEditor({ subject, draft, change }: EditorProps<DemonstrationDraft>) {
  const field = useRef<HTMLTextAreaElement>(null);
  const { announce } = useNotices();
  const [preview, setPreview] = useState(false);
  const { brief } = subject;
  const { text } = draft;
  // What is counted and looked up may lag behind the keys, never hold them up.
  const settledText = useDeferredValue(text);

  // The field keeps one function, whatever else of the draft has changed since.
  const latest = useRef({ draft, change });
  useEffect(() => {
    latest.current = { draft, change };
  });
  const write = useCallback(
    (next: string) => latest.current.change({ ...latest.current.draft, text: next }),
    [],
  );

  function toggle(id: ClosingQuestion) {
    const answered = draft.checklist.includes(id);
    change({
      ...draft,
      checklist: answered ? draft.checklist.filter((one) => one !== id) : [...draft.checklist, id],
    });
    announce(`${CLOSING_QUESTIONS[id]} ${answered ? 'Not answered.' : 'Yes.'}`);
  }

  useKeys([
    { keys: 'e', label: 'Go to the answer', run: () => field.current?.focus() },
    { keys: 'Mod+e', label: 'Show or leave the preview', run: () => setPreview((shown) => !shown) },
    ...QUESTIONS.map(([id, question], index) => ({
      keys: String(index + 1),
      label: `Answer yes: ${question}`,
      run: () => toggle(id),
    })),
  ]);

  return (
    <div className="mx-auto flex w-full max-w-7xl flex-1 flex-col gap-4 px-4 pb-6 sm:px-6">
      {brief && !preview && (
        <PromptForm
          form={brief.form}
          written={fieldsOf(brief.form, draft.prompt)}
          onChange={(written) => change({ ...draft, prompt: draftOf(brief.form, written) })}
        />
      )}
      <div className="flex flex-col gap-2">
        <div className="flex max-w-[40.6rem] items-center gap-3">
          <h2 className="flex-1 text-12 font-strong tracking-wide text-quiet">
            {preview ? 'AS THE MODEL WILL SEE IT' : 'YOUR ANSWER'}
          </h2>
          <Words text={settledText} />
          <ChoiceChip pressed={preview} onToggle={() => setPreview(!preview)}>
            Preview <Kbd>{keyName('Mod+E')}</Kbd>
          </ChoiceChip>
        </div>
        {preview ? (
          <Preview subject={subject} draft={draft} />
        ) : (
          <WritingField
            label="Your answer"
            hiddenLabel
            field={field}
            value={text}
            size="many"
            placeholder="Write the answer that the model should give."
            onText={write}
          />
        )}
      </div>
      <EarlierLikeThis assignmentId={subject.assignmentId} text={settledText} />
      <fieldset className="flex flex-wrap items-center gap-2">
        <legend className="pb-1 text-12 text-quiet">
          Before you send it, answer each with yes (Escape leaves the text, then the digits)
        </legend>
        {QUESTIONS.map(([id, question], index) => (
          <ChoiceChip key={id} pressed={draft.checklist.includes(id)} onToggle={() => toggle(id)}>
            {question} <Kbd>{index + 1}</Kbd>
          </ChoiceChip>
        ))}
      </fieldset>
    </div>
  );
}

function Words({ text }: { text: string }) {
  const words = countWords(text);
  return (
    <span className="figures text-12 text-quiet">
      {count(words)} {words === 1 ? 'word' : 'words'}
    </span>
  );
}

/** The answer as it will be read; with its prompt, where that was written here. */
function Preview({ subject, draft }: Pick<EditorProps<DemonstrationDraft>, 'subject' | 'draft'>) {
  const { brief } = subject;
  const { text } = draft;
  const nothing = <p className="text-quiet">Nothing written yet.</p>;
  const answer = text.trim() === '' ? nothing : <ReadingText text={text} />;
  return (
    <div className="min-h-64 max-w-[40.6rem] rounded-one bg-surface p-4">
      {brief ? (
        <div className="flex flex-col gap-4">
          <Conversation messages={messagesOf(brief.form, draft.prompt)} />
          <div className="border-l-2 pl-4">
            <p className="text-12 text-quiet">Assistant: your answer</p>
            {answer}
          </div>
        </div>
      ) : (
        answer
      )}
    </div>
  );
}
