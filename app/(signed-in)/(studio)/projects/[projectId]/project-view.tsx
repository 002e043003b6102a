'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { SKIP_REASONS } from '@/server/labeling/vocabulary.ts';
import { Chip } from '../../../../components/ui/chip.tsx';
import { Page } from '../../../../components/ui/page-frame.tsx';
import { Progress } from '../../../../components/ui/progress.tsx';
import { Empty, Loaded, LoadedPage } from '../../../../components/ui/states.tsx';
import { Table } from '../../../../components/ui/table.tsx';
import { Tabs } from '../../../../components/ui/tabs.tsx';
import { count } from '../../../../lib/format.ts';
import { useTRPC } from '../../../../lib/trpc.ts';
import { GoldTab } from './gold-tab.tsx';
import { GuidelinesTab } from './guidelines-tab.tsx';
import { MembersTab } from './members-tab.tsx';
import { PromptsTab } from './prompts-tab.tsx';
import { SettingsTab } from './settings-tab.tsx';

const reasons: Record<string, string> = SKIP_REASONS;
const REFRESH_MS = 5000;

/** A project: how far its work is, its guidelines, prompts, people and settings. */
export function ProjectView({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const project = useQuery(trpc.projects.get.queryOptions({ projectId }));
  return (
    <LoadedPage query={project} title="Project">
      {(data) => {
        const { settings } = data;
        const isAdmin = data.role === 'admin';
        return (
          <Page
            over={<Link href="/projects">Projects</Link>}
            title={data.name}
            lead={
              <span className="flex flex-wrap items-center gap-2">
                {data.state === 'archived' && <Chip>archived</Chip>}
                {data.description}
              </span>
            }
          >
            <Tabs
              label="Parts of the project"
              tabs={[
                { id: 'progress', label: 'Progress', content: <ProgressTab projectId={projectId} /> },
                {
                  id: 'guidelines',
                  label: 'Guidelines',
                  content: <GuidelinesTab projectId={projectId} canEdit={isAdmin} />,
                },
                {
                  id: 'prompts',
                  label: 'Prompts',
                  content: <PromptsTab projectId={projectId} canQueue={isAdmin} />,
                },
                {
                  id: 'people',
                  label: 'People',
                  content: <MembersTab project={data} canEdit={isAdmin} />,
                },
                ...(isAdmin && settings
                  ? [
                      {
                        id: 'gold',
                        label: 'Gold',
                        content: <GoldTab projectId={projectId} settings={settings} />,
                      },
                      {
                        id: 'settings',
                        label: 'Settings',
                        content: <SettingsTab key={data.id} project={data} settings={settings} />,
                      },
                    ]
                  : []),
              ]}
            />
          </Page>
        );
      }}
    </LoadedPage>
  );
}

function ProgressTab({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const progress = useQuery(
    trpc.projects.progress.queryOptions({ projectId }, { refetchInterval: REFRESH_MS }),
  );
  return (
    <Loaded query={progress}>
      {({ byKind, skipReasons }) =>
        byKind.length === 0 ? (
          <Empty title="No tasks yet">
            Import prompts and queue demonstrations under Prompts, or launch a round: it hands out its own
            tasks.
          </Empty>
        ) : (
          <div className="flex flex-col gap-8">
            <Table
              caption="Labels wanted and given"
              rows={byKind}
              rowKey={(row) => `${row.kind} ${row.purpose} ${row.roundId ?? ''}`}
              columns={[
                {
                  head: 'Work',
                  cell: (row) => (
                    <span className="whitespace-nowrap">
                      {row.kind} {row.purpose !== 'training' && <Chip>{row.purpose}</Chip>}{' '}
                      {row.roundId && (
                        <Link href={`/rounds/${row.roundId}`} className="text-12 text-gold-text underline">
                          round
                        </Link>
                      )}
                    </span>
                  ),
                },
                {
                  head: 'Labels',
                  cell: (row) =>
                    row.purpose === 'gold' || row.purpose === 'screening' ? (
                      `${count(row.submitted)} on ${count(row.tasks)} tasks`
                    ) : (
                      <div className="min-w-56">
                        <Progress value={row.submitted} total={row.wanted} label={`${row.kind} labels`} />
                      </div>
                    ),
                },
                { head: 'Being worked on', numeric: true, cell: (row) => count(row.active) },
                { head: 'Skipped', numeric: true, cell: (row) => count(row.skipped) },
                { head: 'Late', numeric: true, cell: (row) => count(row.late) },
              ]}
            />
            {skipReasons.length > 0 && (
              <div className="max-w-md">
                <Table
                  caption="Why tasks were skipped"
                  showCaption
                  rows={skipReasons}
                  rowKey={(row) => row.reason}
                  columns={[
                    { head: 'Reason', cell: (row) => reasons[row.reason] ?? row.reason },
                    { head: 'Times', numeric: true, cell: (row) => count(row.count) },
                  ]}
                />
              </div>
            )}
          </div>
        )
      }
    </Loaded>
  );
}
