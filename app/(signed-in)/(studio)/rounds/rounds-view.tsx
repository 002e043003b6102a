'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { STATE_NAMES } from '../../../components/charts/state-strip.tsx';
import { useUser } from '../../../components/shell/user.tsx';
import { Button } from '../../../components/ui/button.tsx';
import { StatusChip } from '../../../components/ui/chip.tsx';
import { KeyButton } from '../../../components/ui/key-button.tsx';
import { Page } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { dateTime } from '../../../lib/format.ts';
import { useProject } from '../../../lib/project.tsx';
import { useTRPC } from '../../../lib/trpc.ts';
import { LaunchDialog } from './launch-dialog.tsx';

const REFRESH_MS = 4000;

export function RoundsView() {
  const trpc = useTRPC();
  const user = useUser();
  const { project, projects } = useProject();
  const [launching, setLaunching] = useState(false);
  const rounds = useQuery(
    trpc.rounds.list.queryOptions(
      {},
      {
        refetchInterval: ({ state }) =>
          state.data?.some((one) => one.status === 'active') ? REFRESH_MS : false,
      },
    ),
  );
  const mayLaunch = user.role === 'admin' && project !== null;
  return (
    <Page
      title="Rounds"
      lead="A round turns labels into a better model: demonstrations, SFT, ranking, a reward model, PPO, and a blind vote at the end."
      actions={
        mayLaunch && (
          <KeyButton keys="n" tone="primary" onPress={() => setLaunching(true)}>
            Launch round
          </KeyButton>
        )
      }
    >
      <Loaded query={rounds} rows={6}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty
              title="No rounds yet"
              action={mayLaunch && <Button onClick={() => setLaunching(true)}>Launch round</Button>}
            >
              The first round starts from a base model. Each one after starts from the policy of the one
              before.
            </Empty>
          ) : (
            <Table
              caption="Rounds, newest first"
              rows={rows}
              rowKey={(round) => round.id}
              columns={[
                {
                  head: 'Round',
                  cell: (round) => (
                    <Link href={`/rounds/${round.id}`} className="font-strong hover:underline">
                      {round.name || `Round ${round.number}`}
                    </Link>
                  ),
                },
                {
                  head: 'Project',
                  cell: (round) => projects.find((one) => one.id === round.projectId)?.name ?? '',
                },
                { head: 'Where it is', cell: (round) => STATE_NAMES[round.state] ?? round.state },
                { head: 'State', cell: (round) => <StatusChip status={round.status} /> },
                {
                  head: 'Report',
                  cell: (round) =>
                    round.hasReport ? (
                      <Link href={`/rounds/${round.id}/report`} className="text-gold-text underline">
                        Open report
                      </Link>
                    ) : (
                      <span className="text-quiet">not yet</span>
                    ),
                },
                { head: 'Launched', numeric: true, cell: (round) => dateTime(round.createdAt) },
              ]}
            />
          )
        }
      </Loaded>
      {project && <LaunchDialog project={project} open={launching} onClose={() => setLaunching(false)} />}
    </Page>
  );
}
