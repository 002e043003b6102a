'use client';

import { useEffect, useRef } from 'react';
import { Button } from '../../../ui/button.tsx';
import { demonstration } from '../demonstration/demonstration.tsx';
import type { EditorProps } from '../kind.ts';
import { ranking } from '../ranking/ranking.tsx';
import type { ReviewDraft } from './review.tsx';

type Answer = NonNullable<ReviewDraft['answer']>;

/** The reviewer's own answer, given where the labels' own kind is answered. */
export function OwnAnswer({
  subject,
  answer,
  onChange,
  onSetAside,
}: {
  subject: EditorProps<ReviewDraft>['subject'];
  answer: Answer;
  onChange(answer: Answer): void;
  onSetAside(): void;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: 'start' });
  }, []);
  return (
    <section aria-label="Your own answer" className="flex flex-1 flex-col gap-3 border-t pt-4">
      <div className="mx-auto flex w-full max-w-7xl flex-wrap items-center gap-3 px-4 sm:px-6">
        <div className="min-w-0 flex-1">
          <h2 ref={heading} tabIndex={-1} className="scroll-mt-36 text-17 font-strong outline-none">
            Your own answer
          </h2>
          <p className="text-12 text-quiet">
            It is stored as a label of yours, beside those that you accept. While it is open, the keys for the
            labels take Shift.
          </p>
        </div>
        <Button small onClick={onSetAside} shortcut="Shift W">
          Set it aside
        </Button>
      </div>
      {answer.kind === 'ranking' ? (
        <ranking.Editor subject={subject} draft={answer} change={onChange} />
      ) : (
        <demonstration.Editor subject={subject} draft={answer} change={onChange} />
      )}
    </section>
  );
}
