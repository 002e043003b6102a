'use client';

import type { ReactNode } from 'react';
import { duration } from '../../../../lib/format.ts';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { TextArea } from '../../../ui/field.tsx';
import { Kbd } from '../../../ui/kbd.tsx';
import type { AnyLabel } from './compare.ts';
import type { ReviewDraft } from './review.tsx';

export type Said = ReviewDraft['verdicts'][number];

interface LabelCardProps {
  label: AnyLabel;
  said: Said | undefined;
  /** What was said of the version that this one replaced, while it was judged. */
  saidBefore: Said | undefined;
  selected: boolean;
  /** What the keys for a label are held with, for example `Shift `. */
  keyPrefix: string;
  onSelect(): void;
  onJudge(part: Partial<Said>): void;
  /** The label itself. */
  children: ReactNode;
}

/** The id of a label's comment field, for the key that goes there. */
export const commentId = (number: number) => `comment-${number}`;

/** One label, the verdict on it and what its labeler is told. */
export function LabelCard(props: LabelCardProps) {
  const { label, said, saidBefore, selected, keyPrefix, onSelect, onJudge, children } = props;
  const { number, guidelineVersion, activeSeconds } = label;
  const rejected = said?.verdict === 'rejected';
  const facts = [
    ...(guidelineVersion === null ? [] : [`guidelines v${guidelineVersion}`]),
    ...(activeSeconds > 0 ? [duration(activeSeconds)] : []),
  ];
  return (
    <article
      id={`label-${number}`}
      aria-label={`Label ${number}`}
      aria-current={selected || undefined}
      onPointerUp={onSelect}
      onFocus={onSelect}
      className={`flex min-w-0 scroll-mt-28 scroll-mb-24 flex-col gap-3 rounded-one border-l-4 bg-surface p-4 ${selected ? 'border-gold' : 'border-transparent'}`}
    >
      <h3 className="flex flex-wrap items-baseline gap-x-2 font-strong">
        Label {number}
        <span className="text-12 font-normal text-quiet">{facts.join(' · ')}</span>
      </h3>
      {children}
      {saidBefore && (
        <p className="text-12 text-quiet">
          Its labeler changed it after you {saidBefore.verdict ?? 'looked at'}
          {saidBefore.verdict === null ? ' it' : ' it before'}
          {saidBefore.comment === '' ? '.' : `: “${saidBefore.comment}”.`} Judge what stands here now.
        </p>
      )}
      <div id={commentId(number)} className="mt-auto flex flex-col gap-2">
        <fieldset className="flex flex-wrap gap-2">
          <legend className="sr-only">Verdict on label {number}</legend>
          <ChoiceChip
            pressed={said?.verdict === 'accepted'}
            onToggle={() => onJudge({ verdict: said?.verdict === 'accepted' ? null : 'accepted' })}
          >
            Accept {selected && <Kbd>{keyPrefix}A</Kbd>}
          </ChoiceChip>
          <ChoiceChip pressed={rejected} onToggle={() => onJudge({ verdict: rejected ? null : 'rejected' })}>
            Reject {selected && <Kbd>{keyPrefix}X</Kbd>}
          </ChoiceChip>
        </fieldset>
        <TextArea
          label={rejected ? `Why label ${number} is rejected` : `Comment on label ${number}`}
          hint={rejected ? 'Its labeler reads it, in their history.' : undefined}
          hiddenLabel={!rejected}
          placeholder={rejected ? undefined : 'A word to its labeler, if you like'}
          rows={rejected ? 3 : 1}
          dir="auto"
          value={said?.comment ?? ''}
          maxLength={5000}
          onChange={(event) => onJudge({ comment: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
          className="field-sizing-content"
        />
      </div>
    </article>
  );
}
