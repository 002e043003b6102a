'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useRef, useState } from 'react';
import { completionLetter, STRENGTHS } from '@/server/labeling/vocabulary.ts';
import { Button } from '../../../../components/ui/button.tsx';
import { Chip, StatusChip } from '../../../../components/ui/chip.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Page, Section } from '../../../../components/ui/page-frame.tsx';
import { Conversation, ReadingText } from '../../../../components/ui/reading-text.tsx';
import { LoadedPage } from '../../../../components/ui/states.tsx';
import { carryStrengths, move, type Order, spell, tieAbove } from '../../../../components/work/order.ts';
import { OrderPanel, type Strength } from '../../../../components/work/order-panel.tsx';
import { newIdempotencyKey } from '../../../../components/work/use-lease.ts';
import { dateTime } from '../../../../lib/format.ts';
import { type Inputs, type Outputs, useTRPC } from '../../../../lib/trpc.ts';

type Detail = Outputs['labeling']['historyItem'];
type Version = Detail['versions'][number];
type RankingEdit = Inputs['labeling']['editRanking'];

/** One piece of own work: its versions, and the way to change it until it is frozen. */
export function LabelView({ assignmentId }: { assignmentId: string }) {
  const trpc = useTRPC();
  const detail = useQuery(trpc.labeling.historyItem.queryOptions({ assignmentId }));
  return (
    <LoadedPage query={detail} title="Your label">
      {(label) => <LabelPage label={label} />}
    </LoadedPage>
  );
}

function LabelPage({ label }: { label: Detail }) {
  const [editing, setEditing] = useState(false);
  const ids = label.completions.map((completion) => completion.id);
  const letter = (id: string) => completionLetter(ids.indexOf(id));
  const current = label.versions.find((version) => version.supersededAt === null);
  const frozen = label.frozenInto.length > 0;
  return (
    <Page
      over={<Link href="/work/history">History</Link>}
      title={label.kind === 'ranking' ? 'Your ranking' : 'Your demonstration'}
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
        <Conversation messages={label.prompt.messages} />
      </Section>
      {label.completions.length > 0 && (
        <Section title="Completions">
          {label.completions.map((completion) => (
            <div key={completion.id} className="flex gap-3">
              <strong>{letter(completion.id)}</strong>
              <ReadingText text={completion.text} />
            </div>
          ))}
        </Section>
      )}
      {editing && current && (
        <Section title="New version">
          {current.ranking ? (
            <EditRanking
              label={label}
              version={current}
              ranking={current.ranking}
              letter={letter}
              ids={ids}
              onDone={() => setEditing(false)}
            />
          ) : (
            <EditDemonstration label={label} version={current} onDone={() => setEditing(false)} />
          )}
        </Section>
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
                {version.text !== null && <ReadingText text={version.text} />}
                {version.ranking && (
                  <p>
                    {spell(version.ranking.groups, letter)}
                    {version.ranking.strengths && version.ranking.strengths.length > 0 && (
                      <span className="text-quiet">
                        {' '}
                        (
                        {version.ranking.strengths
                          .map((strength) => STRENGTHS[strength].toLowerCase())
                          .join(', then ')}
                        )
                      </span>
                    )}
                    {version.ranking.allBad && <span className="text-red"> All bad.</span>}
                    {version.ranking.note !== '' && (
                      <span className="text-quiet"> “{version.ranking.note}”</span>
                    )}
                  </p>
                )}
              </li>
            ))}
          </ol>
        </Section>
      )}
      {label.versions.length === 0 && label.draft.content?.kind === 'demonstration' && (
        <Section title="Kept draft">
          <ReadingText text={label.draft.content.text} />
        </Section>
      )}
    </Page>
  );
}

/** Saves an edit, says so, and shows the new version. */
function useEdited(label: Detail, onDone: () => void) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  return {
    onSuccess: async () => {
      await client.invalidateQueries({
        queryKey: trpc.labeling.historyItem.queryKey({ assignmentId: label.assignmentId }),
      });
      notify({ tone: 'green', text: 'New version saved; the older one is kept.' });
      onDone();
    },
    onError: (error: { message: string }) =>
      notify({ tone: 'red', text: `The change was not saved: ${error.message}` }),
  };
}

function EditDemonstration({ label, version, onDone }: { label: Detail; version: Version; onDone(): void }) {
  const trpc = useTRPC();
  const [text, setText] = useState(version.text ?? '');
  const key = useRef(newIdempotencyKey());
  const edit = useMutation(trpc.labeling.editDemonstration.mutationOptions(useEdited(label, onDone)));
  return (
    <>
      <textarea
        aria-label="Your answer"
        dir="auto"
        value={text}
        onChange={(event) => setText(event.target.value)}
        className="reading field-sizing-content min-h-40 w-full rounded-one border border-edge bg-surface p-4"
      />
      <div className="flex gap-2">
        <Button
          tone="primary"
          disabled={text.trim() === '' || text === version.text}
          busy={edit.isPending}
          onClick={() =>
            edit.mutate({
              assignmentId: label.assignmentId,
              baseVersion: version.version,
              idempotencyKey: key.current,
              text,
            })
          }
        >
          Save version {version.version + 1}
        </Button>
        <Button onClick={onDone}>Leave as it was</Button>
      </div>
    </>
  );
}

interface EditRankingProps {
  label: Detail;
  version: Version;
  ranking: NonNullable<Version['ranking']>;
  letter(id: string): string;
  ids: string[];
  onDone(): void;
}

function EditRanking({ label, version, ranking, letter, ids, onDone }: EditRankingProps) {
  const trpc = useTRPC();
  const key = useRef(newIdempotencyKey());
  const [order, setOrder] = useState<Order>(ranking.groups);
  const [strengths, setStrengths] = useState<(Strength | null)[]>(ranking.strengths ?? []);
  const [selected, setSelected] = useState<string | null>(null);
  const edit = useMutation(trpc.labeling.editRanking.mutationOptions(useEdited(label, onDone)));
  const asksStrengths = ranking.strengths !== null;
  const ready =
    order.flat().length === ids.length &&
    (!asksStrengths || order.slice(1).every((_, index) => strengths[index]));
  function change(next: Order) {
    setStrengths(carryStrengths(order, strengths, next));
    setOrder(next);
  }
  return (
    <div className="flex max-w-xs flex-col gap-3">
      <OrderPanel
        ids={ids}
        letter={letter}
        order={order}
        strengths={strengths}
        asksStrengths={asksStrengths}
        selected={selected}
        onSelect={setSelected}
        onOrder={change}
        onStrength={(index, strength) => {
          const next = order.slice(1).map((_, at) => strengths[at] ?? null);
          next[index] = strength;
          setStrengths(next);
        }}
      />
      <RankButtons order={order} selected={selected} letter={letter} onOrder={change} />
      <div className="flex gap-2">
        <Button
          tone="primary"
          disabled={!ready}
          busy={edit.isPending}
          onClick={() =>
            edit.mutate({
              assignmentId: label.assignmentId,
              baseVersion: version.version,
              idempotencyKey: key.current,
              groups: order,
              strengths: asksStrengths ? strengths.flatMap((one) => (one ? [one] : [])) : null,
              ratings: ranking.ratings as RankingEdit['ratings'],
              allBad: ranking.allBad,
              note: ranking.note,
            })
          }
        >
          Save version {version.version + 1}
        </Button>
        <Button onClick={onDone}>Leave as it was</Button>
      </div>
    </div>
  );
}

function RankButtons(props: {
  order: Order;
  selected: string | null;
  letter(id: string): string;
  onOrder(order: Order): void;
}) {
  const { order, selected, letter, onOrder } = props;
  if (selected === null)
    return <p className="text-12 text-quiet">Select a completion to move it, or drag it.</p>;
  const name = letter(selected);
  return (
    <div className="flex flex-wrap gap-2">
      <Button small onClick={() => onOrder(move(order, selected, -1))}>
        Move {name} up
      </Button>
      <Button small onClick={() => onOrder(move(order, selected, 1))}>
        Move {name} down
      </Button>
      <Button small onClick={() => onOrder(tieAbove(order, selected))}>
        Tie {name} with the rank above
      </Button>
    </div>
  );
}
