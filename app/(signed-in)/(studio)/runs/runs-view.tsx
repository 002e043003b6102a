'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { STAGE_KIND } from '../../../components/charts/colours.ts';
import { ModelChip, StatusChip } from '../../../components/ui/chip.tsx';
import { Page } from '../../../components/ui/page-frame.tsx';
import { Progress } from '../../../components/ui/progress.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { count, dateTime, duration } from '../../../lib/format.ts';
import { useTRPC } from '../../../lib/trpc.ts';
import { useNow } from '../../../lib/use-now.ts';

/** While a run goes on the list is asked for again, this often. */
const REFRESH_MS = 3000;

export function RunsView() {
  const trpc = useTRPC();
  const now = useNow();
  const runs = useQuery(
    trpc.runs.list.queryOptions(
      {},
      {
        refetchInterval: ({ state }) =>
          state.data?.some((run) => run.status === 'running' || run.status === 'queued') ? REFRESH_MS : false,
      },
    ),
  );
  return (
    <Page
      title="Runs"
      lead="Each run is one stage of training: its config, its curves, its samples, and the model it made."
    >
      <Loaded query={runs} rows={8}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No runs yet">
              A round starts its runs by itself. An admin can also pretrain a base model from the command line
              or the API.
            </Empty>
          ) : (
            <Table
              caption="Runs, newest first"
              rows={rows}
              rowKey={(run) => run.id}
              columns={[
                {
                  head: 'Run',
                  cell: (run) => (
                    <Link href={`/runs/${run.id}`} className="font-strong hover:underline">
                      {run.name || run.stage}
                    </Link>
                  ),
                },
                {
                  head: 'Stage',
                  cell: (run) => (
                    <span className="flex items-center gap-2">
                      <ModelChip kind={STAGE_KIND[run.stage] ?? 'base'} />
                    </span>
                  ),
                },
                { head: 'State', cell: (run) => <StatusChip status={run.status} /> },
                {
                  head: 'Progress',
                  cell: (run) => (
                    <div className="min-w-44">
                      <Progress
                        value={run.step}
                        total={run.totalSteps}
                        label={`Steps of ${run.name || run.stage}`}
                        tone={run.status === 'completed' ? 'green' : 'plain'}
                      />
                      {run.resumedFrom !== null && (
                        <p className="text-12 text-quiet">resumed from step {count(run.resumedFrom)}</p>
                      )}
                    </div>
                  ),
                },
                {
                  head: 'Time',
                  numeric: true,
                  cell: (run) =>
                    run.startedAt
                      ? duration(
                          ((run.finishedAt?.getTime() ?? now ?? run.startedAt.getTime()) -
                            run.startedAt.getTime()) /
                            1000,
                        )
                      : '',
                },
                { head: 'Queued', numeric: true, cell: (run) => dateTime(run.createdAt) },
              ]}
            />
          )
        }
      </Loaded>
    </Page>
  );
}
