'use client';

import { useMemo } from 'react';
import { difference } from './difference.ts';

/** A text with the words marked that another text does not have. */
export function Differences({ text, reference }: { text: string; reference: string }) {
  const stretches = useMemo(() => difference(text, reference), [text, reference]);
  let at = 0;
  return (
    <p dir="auto" className="reading whitespace-pre-wrap">
      {stretches.map((stretch) => {
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
