'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { WithProject } from '../../../components/shell/with-project.tsx';
import { buttonClass } from '../../../components/ui/button.tsx';
import { Facts, Page, Section } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { count, duration, percent } from '../../../lib/format.ts';
import { useTRPC } from '../../../lib/trpc.ts';

/** A contractor's own figures in the chosen project. */
export function StatsView() {
  return (
    <WithProject title="Statistics" none="Your figures will be here once an admin has added you to one.">
      {(project) => (
        <Page title="Statistics" lead={`Your work in ${project.name}.`}>
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
      {({ byKind, agreement }) =>
        byKind.length === 0 ? (
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
          <>
            {byKind.map((kind) => (
              <Section key={kind.kind} title={kind.kind === 'ranking' ? 'Rankings' : 'Demonstrations'}>
                <Facts
                  facts={[
                    { name: 'Today', value: count(kind.today) },
                    { name: 'In all', value: count(kind.total) },
                    { name: 'Skipped', value: count(kind.skipped) },
                    {
                      name: 'Median time',
                      value: kind.medianSeconds === null ? 'not known yet' : duration(kind.medianSeconds),
                    },
                  ]}
                />
              </Section>
            ))}
            <Section title="Agreement with others">
              {agreement ? (
                <p>
                  <span className="figures text-21">{percent(agreement.rate)}</span>
                  <span className="text-quiet">
                    {' '}
                    of {count(agreement.pairs)} pairs that others ranked too.
                  </span>
                </p>
              ) : (
                <p className="text-quiet">Nobody else has ranked one of your tasks yet.</p>
              )}
            </Section>
          </>
        )
      }
    </Loaded>
  );
}
