'use client';

import { useMutation } from '@tanstack/react-query';
import { useDeferredValue, useRef, useState } from 'react';
import { count, countWords } from '../../lib/format.ts';
import { useTRPC } from '../../lib/trpc.ts';
import { ChoiceChip } from '../ui/chip.tsx';
import { useKeys } from '../ui/keys.tsx';
import { useNotices } from '../ui/notices.tsx';
import { ReadingText } from '../ui/reading-text.tsx';
import { ConflictDialog } from './conflict-dialog.tsx';
import { WorkFrame } from './frame.tsx';
import { useActiveSeconds } from './use-active-seconds.ts';
import { type Draft, useDraft, type Work } from './use-draft.ts';
import { newIdempotencyKey, useLease } from './use-lease.ts';

type DemonstrationDraft = Extract<Draft, { kind: 'demonstration' }>;

function isDemonstrationDraft(value: unknown): value is DemonstrationDraft {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'demonstration';
}

const EMPTY: DemonstrationDraft = { kind: 'demonstration', text: '' };

const CLOSING_QUESTIONS = [
  ['helpful', 'Does it do what the prompt asks?'],
  ['truthful', 'Is everything in it so?'],
  ['harmless', 'Could it hurt nobody?'],
] as const;

interface TaskProps {
  work: Work;
  onSkip(hasDraft: boolean): void;
  onDone(late: boolean): void;
}

/** Writes the answer that the model should give. */
export function DemonstrationTask({ work, onSkip, onDone }: TaskProps) {
  const trpc = useTRPC();
  const { notify } = useNotices();
  const activeSeconds = useActiveSeconds(work.assignment.id, work.assignment.activeSeconds);
  const draft = useDraft<DemonstrationDraft>(work, EMPTY, isDemonstrationDraft, activeSeconds);
  const held = useLease(work, activeSeconds);
  const submit = useMutation(trpc.labeling.submitDemonstration.mutationOptions());
  const submissionKey = useRef(newIdempotencyKey());
  const field = useRef<HTMLTextAreaElement>(null);
  const [preview, setPreview] = useState(false);
  const [checked, setChecked] = useState<string[]>([]);
  const { text } = draft.content;
  // Counting may lag behind the keys, never hold them up.
  const words = countWords(useDeferredValue(text));
  const canSubmit = text.trim() !== '';

  useKeys([
    { keys: 'e', label: 'Go to the answer', run: () => field.current?.focus() },
    { keys: 'Mod+e', label: 'Show or leave the preview', run: () => setPreview((shown) => !shown) },
  ]);

  async function send() {
    if (!canSubmit || submit.isPending) return;
    try {
      const answer = await submit.mutateAsync({
        assignmentId: work.assignment.id,
        idempotencyKey: submissionKey.current,
        activeSeconds: activeSeconds.current,
        text,
      });
      draft.finish();
      onDone(answer.state === 'late');
    } catch (error) {
      notify({
        tone: 'red',
        text: `The demonstration was not submitted: ${error instanceof Error ? error.message : 'no answer.'} Your text is kept; try again.`,
      });
    }
  }

  return (
    <WorkFrame
      title="Demonstration"
      guidelinesBeside
      work={work}
      activeSeconds={activeSeconds}
      held={held}
      draft={draft}
      submitVerb="Submit demonstration"
      canSubmit={canSubmit}
      missing="Write an answer first."
      busy={submit.isPending}
      onSubmit={() => void send()}
      onSkip={() => onSkip(text.trim() !== '')}
    >
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
            {canSubmit ? <ReadingText text={text} /> : <p className="text-quiet">Nothing written yet.</p>}
          </div>
        ) : (
          <textarea
            ref={field}
            aria-label="Your answer"
            dir="auto"
            value={text}
            onChange={(event) => draft.change({ kind: 'demonstration', text: event.target.value })}
            placeholder="Write the answer that the model should give."
            spellCheck
            className="reading field-sizing-content min-h-64 w-full max-w-[40.6rem] resize-none rounded-one border border-edge bg-surface p-4"
          />
        )}
        <fieldset className="flex flex-wrap items-center gap-2">
          <legend className="pb-1 text-12 text-quiet">Before you send it</legend>
          {CLOSING_QUESTIONS.map(([id, question]) => (
            <ChoiceChip
              key={id}
              pressed={checked.includes(id)}
              onToggle={() =>
                setChecked(checked.includes(id) ? checked.filter((one) => one !== id) : [...checked, id])
              }
            >
              {question}
            </ChoiceChip>
          ))}
        </fieldset>
      </div>
      <ConflictDialog
        open={draft.conflict !== null}
        mine={text}
        theirs={draft.conflict?.theirs?.text ?? ''}
        onResolve={draft.resolve}
      />
    </WorkFrame>
  );
}
