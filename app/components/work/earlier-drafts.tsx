'use client';

import { useQuery } from '@tanstack/react-query';
import { ago, dateTime } from '../../lib/format.ts';
import { useTRPC } from '../../lib/trpc.ts';
import { useNow } from '../../lib/use-now.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Loaded } from '../ui/states.tsx';
import type { Draft, Subject } from './kinds/kind.ts';
import type { AnyKind } from './kinds/kinds.ts';

interface EarlierDraftsProps {
  subject: Subject;
  kind: AnyKind;
  onClose(): void;
  /** Puts an earlier draft in the place of what stands there, which is kept. */
  onBringBack(draft: Draft): void;
}

/** What stood here before: wiped out, lost to another tab, or simply some minutes ago. */
export default function EarlierDrafts({ subject, kind, onClose, onBringBack }: EarlierDraftsProps) {
  const trpc = useTRPC();
  const { assignmentId } = subject;
  const now = useNow(10_000);
  const query = useQuery(
    trpc.labeling.earlierDrafts.queryOptions({ assignmentId }, { staleTime: 0, gcTime: 0 }),
  );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      wide
      title="Earlier drafts"
      description="Kept of this task: what was wiped out, what another tab replaced, and one draft in every few minutes of typing, fewer as they grow many. What you bring back takes the place of what stands there now, and that is kept."
      actions={<Button onClick={onClose}>Go back</Button>}
    >
      <Loaded query={query} rows={3}>
        {(drafts) =>
          drafts.length === 0 ? (
            <p className="text-quiet">
              None yet. The first is kept after five minutes, or when a text is wiped out.
            </p>
          ) : (
            <ol className="flex flex-col gap-6">
              {drafts.map(({ revision, content, savedAt }) => (
                <li key={revision} className="flex flex-col gap-1">
                  <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
                    <p className="flex-1 text-12 text-quiet">
                      <time dateTime={savedAt.toISOString()} title={`${dateTime(savedAt)} UTC`}>
                        {ago(savedAt, now ?? savedAt.getTime())}
                      </time>
                    </p>
                    <Button
                      small
                      aria-label={`Bring back the draft of ${dateTime(savedAt)}`}
                      onClick={() => onBringBack(content)}
                    >
                      Bring back
                    </Button>
                  </div>
                  <p dir="auto" className="reading break-words whitespace-pre-wrap">
                    {kind.describe(subject, content) || 'empty'}
                  </p>
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
    </Dialog>
  );
}
