'use client';

import { ReadingText } from '../../../ui/reading-text.tsx';
import { difference } from '../ranking/difference.ts';

/** A text to be read; with a reference, as plain text in which what the reference does not have is marked. */
export function MarkedText({ text, reference }: { text: string; reference: string | null }) {
  if (text.trim() === '') return <p className="text-quiet">(empty: nothing was written)</p>;
  if (reference === null) return <ReadingText text={text} />;
  let at = 0;
  return (
    <p dir="auto" className="reading whitespace-pre-wrap">
      {difference(text, reference).map((stretch) => {
        const key = at;
        at += stretch.text.length;
        return stretch.same ? (
          <span key={key}>{stretch.text}</span>
        ) : (
          <mark
            key={key}
            className="bg-gold-wash text-ink underline decoration-gold decoration-2 underline-offset-4"
          >
            {stretch.text}
          </mark>
        );
      })}
    </p>
  );
}
