'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { Suspense, use, useState } from 'react';
import { SKIP_REASONS } from '@/server/labeling/vocabulary.ts';
import { Button } from '../../../../components/ui/button.tsx';
import { Chip, StatusChip } from '../../../../components/ui/chip.tsx';
import { useKeys } from '../../../../components/ui/keys.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Page, Section } from '../../../../components/ui/page-frame.tsx';
import { Conversation, ReadingText } from '../../../../components/ui/reading-text.tsx';
import { LoadedPage, Loading } from '../../../../components/ui/states.tsx';
import { EditLabel } from '../../../../components/work/edit-label.tsx';
import { loadKind } from '../../../../components/work/kinds/kinds.ts';
import { dateTime, duration } from '../../../../lib/format.ts';
import { useProject } from '../../../../lib/project.tsx';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';
import { Versions } from './versions.tsx';

type Detail = Outputs['labeling']['historyItem'];

const reasons: Record<string, string> = SKIP_REASONS;

/** One piece of own work: its versions, and the way to change it until it is frozen. */
export function LabelView({ assignmentId }: { assignmentId: string }) {
  const trpc = useTRPC();
  const detail = useQuery(trpc.labeling.historyItem.queryOptions({ assignmentId }));
  return (
    <LoadedPage query={detail} title="Your label">
      {(label) => (
        <Suspense fallback={<Loading rows={8} />}>
          <LabelPage label={label} />
        </Suspense>
      )}
    </LoadedPage>
  );
}

function LabelPage({ label }: { label: Detail }) {
  const kind = use(loadKind(label.kind));
  const router = useRouter();
  const [editing, setEditing] = useState(false);
  const current = label.versions.find((version) => version.supersededAt === null);
  const frozen = label.frozenInto.length > 0;
  const editable = current !== undefined && !frozen && !editing;
  const draft = label.draft.content;
  useKeys([
    { keys: 'b', label: 'Back to the history', run: () => router.push('/work/history') },
    ...(editable ? [{ keys: 'e', label: 'Edit this label', run: () => setEditing(true) }] : []),
  ]);
  return (
    <Page
      over={<Link href="/work/history">History</Link>}
      title={`Your ${kind.name.toLowerCase()}`}
      lead={
        <span className="flex flex-wrap items-center gap-2">
          <StatusChip status={label.state} />
          <span className="figures">{dateTime(label.endedAt ?? label.handedOutAt)} UTC</span>
          {label.activeSeconds > 0 && <span>{duration(label.activeSeconds)}</span>}
          {label.guideline && <span>under guidelines version {label.guideline.version}</span>}
          {label.frozenInto.map((version) => (
            <Chip key={version.id}>frozen into {version.name}</Chip>
          ))}
        </span>
      }
      actions={
        current &&
        !editing && (
          <Button
            tone="primary"
            disabled={frozen}
            onClick={() => setEditing(true)}
            {...(frozen ? {} : { shortcut: 'E' })}
          >
            {frozen ? 'Frozen: no longer editable' : 'Edit'}
          </Button>
        )
      }
    >
      {label.state === 'late' && (
        <p>
          The task already had all the labels it wanted when this one came: it is kept, and does not count.
        </p>
      )}
      {label.state === 'skipped' && <Skipped label={label} />}
      <Section title={label.prompt ? 'Prompt' : 'What was to be written'}>
        {label.prompt ? (
          <Conversation messages={label.prompt.messages} />
        ) : (
          <ReadingText text={label.brief?.instruction ?? ''} />
        )}
      </Section>
      {editing && current ? (
        <EditLabel label={label} version={current} onDone={() => setEditing(false)} />
      ) : (
        label.completions.length > 0 && (
          <Section title="Completions">
            {label.completions.map((completion, index) => (
              <div key={completion.id} className="flex gap-3">
                <strong>{String.fromCharCode(65 + index)}</strong>
                <ReadingText text={completion.text} />
              </div>
            ))}
          </Section>
        )
      )}
      <Versions label={label} kind={kind} />
      {label.versions.length === 0 && draft !== null && (
        <Section title="Kept draft">
          <p dir="auto" className="reading break-words whitespace-pre-wrap">
            {kind.describe(label, draft)}
          </p>
        </Section>
      )}
      {label.keptDrafts.length > 0 && (
        <details>
          <summary className="cursor-pointer text-17 font-strong">
            Earlier drafts ({label.keptDrafts.length})
          </summary>
          <ol className="flex flex-col gap-4 pt-3">
            {label.keptDrafts.map((kept) => (
              <li key={kept.revision} className="flex flex-col gap-1">
                <p className="text-12 text-quiet">Saved {dateTime(kept.savedAt)} UTC</p>
                <p dir="auto" className="reading break-words whitespace-pre-wrap">
                  {kind.describe(label, kept.content) || 'empty'}
                </p>
              </li>
            ))}
          </ol>
        </details>
      )}
    </Page>
  );
}

/** Why it was skipped, and the way back while the task still wants a label. */
function Skipped({ label }: { label: Detail }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const { choose } = useProject();
  const { notify } = useNotices();
  const undo = useMutation(
    trpc.labeling.undoSkip.mutationOptions({
      onSuccess: async () => {
        await client.invalidateQueries({ queryKey: trpc.labeling.pathKey() });
        choose(label.projectId);
        router.push('/work');
      },
      onError: (error) => notify({ tone: 'red', text: `The task did not come back: ${error.message}` }),
    }),
  );
  const take = () => undo.mutate({ assignmentId: label.assignmentId });
  useKeys([{ keys: 'u', label: 'Undo the skip', run: take }]);
  return (
    <section aria-label="Skipped" className="flex flex-wrap items-center gap-3">
      <p className="min-w-0 flex-1 basis-60 break-words">
        You skipped it:{' '}
        {(reasons[label.skipReason ?? ''] ?? label.skipReason ?? 'no reason given').toLowerCase()}.
        {label.skipNote && <span className="text-quiet"> “{label.skipNote}”</span>}
      </p>
      <Button busy={undo.isPending} onClick={take} shortcut="U">
        Undo the skip
      </Button>
    </section>
  );
}
