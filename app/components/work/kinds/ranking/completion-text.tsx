'use client';

import { ReadingText } from '../../../ui/reading-text.tsx';
import { Differences } from './differences.tsx';

/** Whether there is anything in a text that the eye can see. */
export function isBlank(text: string): boolean {
  return text.replace(/[\s\p{Cf}]/gu, '') === '';
}

/** A completion's text as it is judged, or with its differences from another marked; a blank one says so. */
export function CompletionText({ text, reference }: { text: string; reference: string | null }) {
  if (isBlank(text)) {
    return (
      <p className="text-14 text-quiet">
        {text === ''
          ? '(empty: nothing was written)'
          : '(blank: only spaces or characters that are not seen)'}
      </p>
    );
  }
  return reference === null ? <ReadingText text={text} /> : <Differences text={text} reference={reference} />;
}
