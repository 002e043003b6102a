'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { Suspense, use, useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { Chip, StatusChip } from '../../../../components/ui/chip.tsx';
import { Page, Section } from '../../../../components/ui/page-frame.tsx';
import { Conversation, ReadingText } from '../../../../components/ui/reading-text.tsx';
import { LoadedPage, Loading } from '../../../../components/ui/states.tsx';
import { EditLabel } from '../../../../components/work/edit-label.tsx';
import { loadKind } from '../../../../components/work/kinds/kinds.ts';
import { VerdictsGiven } from '../../../../components/work/verdicts-given.tsx';
import { dateTime } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';

type Detail = Outputs['labeling']['historyItem'];

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
  const [editing, setEditing] = useState(false);
  const current = label.versions.find((version) => version.supersededAt === null);
  const frozen = label.frozenInto.length > 0;
  const draft = label.draft.content;
  return (
    <Page
      over={<Link href="/work/history">History</Link>}
      title={`Your ${kind.name.toLowerCase()}`}
      lead={
        <span className="flex flex-wrap items-center gap-2">
          <StatusChip status={label.state} />
          {label.guideline && <span>under guidelines version {label.guideline.version}</span>}
          {label.frozenInto.map((version) => (
            <Chip key={version.id}>frozen into {version.name}</Chip>
          ))}
        </span>
      }
      actions={
        current &&
        !editing && (
          <Button tone="primary" disabled={frozen} onClick={() => setEditing(true)}>
            {frozen ? 'Frozen: no longer editable' : 'Edit'}
          </Button>
        )
      }
    >
      <Section title="Prompt">
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
      {label.versions.length > 0 && (
        <Section title="Versions">
          <ol className="flex flex-col gap-6">
            {label.versions.map((version) => (
              <li key={version.labelId} className="flex flex-col gap-1">
                <p className="text-12 text-quiet">
                  Version {version.version} · {dateTime(version.createdAt)}
                  {version.supersededAt ? ' · superseded, kept' : ' · current'}
                </p>
                <kind.View subject={label} content={version.content} />
                <VerdictsGiven verdicts={version.verdicts} />
              </li>
            ))}
          </ol>
        </Section>
      )}
      {label.versions.length === 0 && draft !== null && (
        <Section title="Kept draft">
          <p dir="auto" className="reading whitespace-pre-wrap">
            {kind.describe(label, draft)}
          </p>
        </Section>
      )}
    </Page>
  );
}
