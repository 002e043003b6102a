'use client';

import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useId } from 'react';
import { dateTime } from '../../../lib/format.ts';
import { useTRPC } from '../../../lib/trpc.ts';
import { Button } from '../../ui/button.tsx';
import { ReadingText } from '../../ui/reading-text.tsx';
import { Loaded, Loading } from '../../ui/states.tsx';
import type { Guidelines } from './use-guidelines.ts';

const WhatChanged = lazy(() => import('./what-changed.tsx'));

export type Sheet = 'guidelines' | 'changes' | 'how';

interface GuidePaneProps {
  projectId: string;
  guidelines: Guidelines;
  /** How this kind of work is done; Markdown. */
  guide: string;
  /** What its sheet is called: `How to rank`. */
  guideName: string;
  sheet: Sheet;
  onSheet(sheet: Sheet): void;
}

/** The written rules of the work, beside it or in a dialog: the project's guidelines, what changed, and the kind's guide. */
export function GuidePane({ projectId, guidelines, guide, guideName, sheet, onSheet }: GuidePaneProps) {
  const id = useId();
  const { made, current } = guidelines;
  const older = (current?.version ?? 0) > 1;
  const sheets: { id: Sheet; name: string }[] = [
    { id: 'guidelines', name: 'Guidelines' },
    ...(older ? [{ id: 'changes' as const, name: 'What changed' }] : []),
    { id: 'how', name: guideName },
  ];
  const shown = sheets.some((one) => one.id === sheet) ? sheet : 'guidelines';

  function step(by: number) {
    const at = sheets.findIndex((one) => one.id === shown);
    const next = sheets[(at + by + sheets.length) % sheets.length];
    if (!next) return;
    onSheet(next.id);
    document.getElementById(`${id}-${next.id}`)?.focus();
  }

  return (
    <div className="flex flex-col gap-4">
      <div
        role="tablist"
        aria-label="Guidelines and guide"
        className="flex flex-wrap gap-1 border-b"
        onKeyDown={(event) => {
          if (event.key === 'ArrowRight') step(1);
          else if (event.key === 'ArrowLeft') step(-1);
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      >
        {sheets.map((one) => (
          <button
            key={one.id}
            id={`${id}-${one.id}`}
            type="button"
            role="tab"
            aria-selected={one.id === shown}
            aria-controls={`${id}-sheet`}
            tabIndex={one.id === shown ? 0 : -1}
            onClick={() => onSheet(one.id)}
            className="-mb-px border-b-2 border-transparent px-2 py-1 text-12 -outline-offset-2 text-quiet hover:text-ink aria-selected:border-gold aria-selected:font-strong aria-selected:text-ink"
          >
            {one.name}
          </button>
        ))}
      </div>
      <div
        id={`${id}-sheet`}
        role="tabpanel"
        aria-labelledby={`${id}-${shown}`}
        className="flex flex-col gap-4"
      >
        {shown === 'guidelines' && <Made guidelines={guidelines} onChanges={() => onSheet('changes')} />}
        {shown === 'changes' && (
          <Changes projectId={projectId} from={made?.version ?? 0} guidelines={guidelines} />
        )}
        {shown === 'how' && <ReadingText text={guide} />}
      </div>
    </div>
  );
}

/** The version that this task goes by, and what is to be said when there is a newer one. */
function Made({ guidelines, onChanges }: { guidelines: Guidelines; onChanges(): void }) {
  const { made, current, isNewer, adopt, busy } = guidelines;
  return (
    <>
      {isNewer && current && (
        <Aside>
          <p>
            {made
              ? `Your label goes by version ${made.version}, under which you were given this task. Version ${current.version} was published since.`
              : `You were given this task before there were guidelines. Version ${current.version} was published since.`}
          </p>
          <div className="flex flex-wrap gap-2">
            {made && (
              <Button small onClick={onChanges}>
                See what changed
              </Button>
            )}
            <Button small busy={busy} onClick={adopt}>
              Go by version {current.version}
            </Button>
          </div>
        </Aside>
      )}
      {made ? (
        <ReadingText text={made.markdown} />
      ) : (
        <p className="text-quiet">This project has no written guidelines yet. An admin can publish them.</p>
      )}
    </>
  );
}

/** The difference to the newest version: from what was read last, else from the version before. */
function Changes({
  projectId,
  from,
  guidelines,
}: {
  projectId: string;
  from: number;
  guidelines: Guidelines;
}) {
  const trpc = useTRPC();
  const list = useQuery(trpc.guidelines.list.queryOptions({ projectId }, { staleTime: 60_000 }));
  const { current, readVersion, unread } = guidelines;
  const newest = current?.version ?? 0;
  const since = unread && readVersion !== null ? readVersion : from < newest && from > 0 ? from : newest - 1;
  return (
    <Loaded query={list}>
      {(versions) => {
        const before = versions.find(({ version }) => version === since);
        const after = versions.find(({ version }) => version === newest);
        if (!before || !after) return <p className="text-quiet">There is no earlier version.</p>;
        const notes = versions.filter(
          ({ version, changeNote }) => version > since && version <= newest && changeNote !== '',
        );
        return (
          <>
            <p className="text-12 text-quiet">
              From version {since} to version {newest}, {dateTime(after.createdAt)}
            </p>
            {notes.length > 0 && (
              <ul className="flex flex-col gap-1">
                {notes.map(({ version, changeNote }) => (
                  <li key={version} className="break-words">
                    {newest - since > 1 && <span className="text-quiet">Version {version}: </span>}
                    <span dir="auto">{changeNote}</span>
                  </li>
                ))}
              </ul>
            )}
            <Suspense fallback={<Loading rows={3} label="Comparing the versions" />}>
              <WhatChanged before={before.markdown} after={after.markdown} />
            </Suspense>
          </>
        );
      }}
    </Loaded>
  );
}

function Aside({ children }: { children: ReactNode }) {
  return <div className="flex flex-col gap-2 border-l-2 border-gold pl-3">{children}</div>;
}
