'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { SKIP_REASONS } from '@/server/labeling/vocabulary.ts';
import { WithProject } from '../../../components/shell/with-project.tsx';
import { buttonClass } from '../../../components/ui/button.tsx';
import { Page, Section } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { count, duration, percent } from '../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';
import { DaysFigure } from './days-figure.tsx';

type OwnStats = Outputs['labeling']['stats'];

const reasons: Record<string, string> = SKIP_REASONS;
const NAMES = { demonstration: 'Demonstrations', ranking: 'Rankings', review: 'Reviews' } as const;
/** Tasks below which a share says little. */
const FEW = 10;

/** A contractor's own figures in the chosen project. */
export function StatsView() {
  return (
    <WithProject title="Statistics" none="Your figures will be here once an admin has added you to one.">
      {(project) => (
        <Page
          title="Statistics"
          lead={`Your work in ${project.name}. Days begin at midnight UTC, weeks on Monday.`}
        >
          <Stats projectId={project.id} />
        </Page>
      )}
    </WithProject>
  );
}

function Stats({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const stats = useQuery(trpc.labeling.stats.queryOptions({ projectId }));
  return (
    <Loaded query={stats}>
      {(own) =>
        own.byKind.length === 0 ? (
          <Empty
            title="No figures yet"
            action={
              <Link href="/work" className={buttonClass('primary')}>
                Take the first task
              </Link>
            }
          >
            After your first label, your pace and your agreement with others will be here.
          </Empty>
        ) : (
          <Figures own={own} />
        )
      }
    </Loaded>
  );
}

function Figures({ own }: { own: OwnStats }) {
  const { byKind, days, agreement, gold, reviewed, skips } = own;
  const reviews = reviewed.accepted + reviewed.rejected;
  return (
    <>
      <Section title="How much">
        <Table
          caption="Labels submitted, by kind"
          rows={byKind}
          rowKey={({ kind }) => kind}
          columns={[
            { head: 'Kind', cell: ({ kind }) => NAMES[kind] },
            { head: 'Today', numeric: true, cell: ({ today }) => count(today) },
            { head: 'This week', numeric: true, cell: ({ week }) => count(week) },
            { head: 'In all', numeric: true, cell: ({ total }) => count(total) },
            { head: 'Skipped', numeric: true, cell: ({ skipped }) => count(skipped) },
            {
              head: 'Median time',
              numeric: true,
              cell: ({ medianSeconds }) =>
                medianSeconds === null ? 'not known yet' : duration(medianSeconds),
            },
          ]}
        />
      </Section>
      <DaysFigure days={days} />
      <Section title="Agreement with others">
        {agreement ? (
          <ShareLine
            share={agreement}
            of={`of ${many(agreement.pairs, 'pair')} that others ranked too, in ${many(agreement.tasks, 'task')}. Ties are not counted.`}
            clusters={agreement.tasks}
          />
        ) : (
          <p className="text-quiet">Nobody else has ranked one of your tasks yet.</p>
        )}
      </Section>
      {gold && (
        <Section title="Tasks with a known answer">
          <ShareLine
            share={gold}
            of={`right, over ${many(gold.tasks, 'task')} mixed in among the others.`}
            clusters={gold.tasks}
          />
        </Section>
      )}
      <Section title="Reviews of your labels">
        {reviews === 0 ? (
          <p className="text-quiet">None of your labels has been reviewed yet.</p>
        ) : (
          <p>
            <span className="figures text-21">{count(reviewed.accepted)}</span>{' '}
            <span className="text-quiet">accepted,</span>{' '}
            <span className="figures text-21">{count(reviewed.rejected)}</span>{' '}
            <span className="text-quiet">
              rejected. What reviewers wrote stands with each label in your{' '}
              <Link href="/work/history" className="underline underline-offset-4">
                history
              </Link>
              .
            </span>
          </p>
        )}
      </Section>
      {skips.length > 0 && (
        <Section title="Skipped, by reason">
          <Table
            caption="Tasks skipped, by reason"
            rows={skips}
            rowKey={({ reason }) => reason}
            columns={[
              { head: 'Reason', cell: ({ reason }) => reasons[reason] ?? reason },
              { head: 'Tasks', numeric: true, cell: (skip) => count(skip.count) },
            ]}
          />
        </Section>
      )}
    </>
  );
}

/** A share with its interval, in words; a small number says so. */
function ShareLine({
  share,
  of,
  clusters,
}: {
  share: { rate: number; low: number; high: number };
  of: string;
  clusters: number;
}) {
  return (
    <>
      <p>
        <span className="figures text-21">{percent(share.rate)}</span>{' '}
        <span className="text-quiet">{of}</span>
      </p>
      <p className="text-12 text-quiet">
        95 % interval: {percent(share.low)} to {percent(share.high)}.
        {clusters < FEW && ' So few tasks say little: expect this to move.'}
      </p>
    </>
  );
}

function many(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}
