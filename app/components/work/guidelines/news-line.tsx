'use client';

import { Button } from '../../ui/button.tsx';
import { keyName } from '../../ui/keys.tsx';
import type { Guidelines } from './use-guidelines.ts';

/** A calm line while there is a version of the guidelines that the labeler has not read. */
export function NewsLine({
  guidelines,
  onOpen,
}: {
  guidelines: Guidelines;
  onOpen(sheet: 'guidelines' | 'changes'): void;
}) {
  const { current, readVersion, unread, made, isNewer, busy, gotIt, adopt } = guidelines;
  if (!current || !unread) return null;
  const isFirst = readVersion === null;
  return (
    <section
      aria-label="News of the guidelines"
      className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b bg-gold-wash px-4 py-2 sm:px-6"
    >
      <p className="min-w-0 flex-1 basis-72 break-words">
        {isFirst ? (
          <>
            <strong>Read the guidelines before you begin.</strong> Version {current.version} holds now.
          </>
        ) : (
          <>
            <strong>The guidelines have a new version, {current.version}.</strong>{' '}
            <span dir="auto">{current.changeNote}</span>
          </>
        )}{' '}
        {isNewer && made && (
          <span className="text-quiet">
            This task stays with version {made.version} unless you choose otherwise.
          </span>
        )}
      </p>
      <div className="flex flex-wrap gap-2">
        <Button small onClick={() => onOpen(isFirst ? 'guidelines' : 'changes')}>
          {isFirst ? 'Read them' : 'What changed'}
        </Button>
        {isNewer && made && (
          <Button small busy={busy} onClick={adopt}>
            Go by version {current.version}
          </Button>
        )}
        <Button small busy={busy} onClick={gotIt} shortcut={keyName('Shift+g')}>
          Got it
        </Button>
      </div>
    </section>
  );
}
