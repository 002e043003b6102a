'use client';

import { Button } from '../../../ui/button.tsx';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { TextField } from '../../../ui/field.tsx';
import { demonstration } from '../demonstration/demonstration.tsx';
import type { EditorProps } from '../kind.ts';
import { ranking } from '../ranking/ranking.tsx';
import type { ReviewDraft } from './review.tsx';

/** Each label with its verdict, and the reviewer's own answer where they want to settle the matter. */
export function ReviewEditor({ subject, draft, change }: EditorProps<ReviewDraft>) {
  const judge = (labelId: string, part: Partial<ReviewDraft['verdicts'][number]>) => {
    const before = draft.verdicts.find((one) => one.labelId === labelId) ?? {
      labelId,
      verdict: null,
      comment: '',
    };
    const others = draft.verdicts.filter((one) => one.labelId !== labelId);
    change({ ...draft, verdicts: [...others, { ...before, ...part }] });
  };
  const { answer } = draft;
  return (
    <div className="mx-auto flex w-full max-w-7xl flex-1 flex-col gap-6 px-4 pb-6 sm:px-6">
      {(subject.review?.labels ?? []).map(({ labelId, content }, index) => {
        const said = draft.verdicts.find((one) => one.labelId === labelId);
        return (
          <section key={labelId} aria-label={`Label ${index + 1}`} className="flex flex-col gap-2">
            {content.kind === 'ranking' ? (
              <ranking.View subject={subject} content={content} />
            ) : (
              <demonstration.View subject={subject} content={content} />
            )}
            <div className="flex gap-2">
              {(['accepted', 'rejected'] as const).map((verdict) => (
                <ChoiceChip
                  key={verdict}
                  pressed={said?.verdict === verdict}
                  onToggle={() => judge(labelId, { verdict })}
                >
                  {verdict === 'accepted' ? 'Accept' : 'Reject'}
                </ChoiceChip>
              ))}
            </div>
            <TextField
              label="Comment"
              value={said?.comment ?? ''}
              maxLength={5000}
              onChange={(event) => judge(labelId, { comment: event.target.value })}
            />
          </section>
        );
      })}
      {answer === null ? (
        <Button
          onClick={() =>
            change({
              ...draft,
              answer:
                subject.review?.kind === 'ranking' ? ranking.empty(subject) : demonstration.empty(subject),
            })
          }
        >
          Give the answer myself
        </Button>
      ) : answer.kind === 'ranking' ? (
        <ranking.Editor
          subject={subject}
          draft={answer}
          change={(next) => change({ ...draft, answer: next })}
        />
      ) : (
        <demonstration.Editor
          subject={subject}
          draft={answer}
          change={(next) => change({ ...draft, answer: next })}
        />
      )}
    </div>
  );
}
