'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { STATE_NAMES, StateStrip } from '../components/charts/state-strip.tsx';
import { useUser } from '../components/shell/user.tsx';
import { buttonClass } from '../components/ui/button.tsx';
import { ModelChip, StatusChip } from '../components/ui/chip.tsx';
import { Page, Section } from '../components/ui/page-frame.tsx';
import { Progress } from '../components/ui/progress.tsx';
import { Empty, Loaded, LoadedPage } from '../components/ui/states.tsx';
import { useProject } from '../lib/project.tsx';
import { useTRPC } from '../lib/trpc.ts';

const REFRESH_MS = 4000;
const SHOWN_RUNS = 6;

/** The studio's first page: the round that goes on, the work in hand, the newest runs. */
export function HomeView() {
  const user = useUser();
  const { query, project } = useProject();
  return (
    <LoadedPage query={query} title="Home">
      {() =>
        project === null ? (
          <Page title={`Welcome, ${user.name}`}>
            <Empty
              title="No project yet"
              action={
                user.role === 'admin' && (
                  <Link href="/projects" className={buttonClass('primary')}>
                    Create the first project
                  </Link>
                )
              }
            >
              Its rounds, its labels and its models will be here.
            </Empty>
          </Page>
        ) : (
          <Page title={project.name} lead={project.description}>
            <Newest key={project.id} projectId={project.id} />
          </Page>
        )
      }
    </LoadedPage>
  );
}

function Newest({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const rounds = useQuery(trpc.rounds.list.queryOptions({ projectId }, { refetchInterval: REFRESH_MS }));
  const runs = useQuery(
    trpc.runs.list.queryOptions({ projectId, limit: SHOWN_RUNS }, { refetchInterval: REFRESH_MS }),
  );
  const progress = useQuery(
    trpc.projects.progress.queryOptions({ projectId }, { refetchInterval: REFRESH_MS }),
  );
  return (
    <>
      <Section title="Newest round">
        <Loaded query={rounds}>
          {(rows) =>
            rows[0] ? (
              <RoundCard roundId={rows[0].id} />
            ) : (
              <Empty
                title="No round yet"
                action={
                  <Link href="/rounds" className={buttonClass()}>
                    Go to rounds
                  </Link>
                }
              >
                A round turns the labels of this project into a better model.
              </Empty>
            )
          }
        </Loaded>
      </Section>
      <Section title="Labels">
        <Loaded query={progress}>
          {({ byKind: all }) => {
            // Tasks with known answers want labels from everybody: how far they are says nothing.
            const byKind = all.filter(({ purpose }) => purpose === 'training' || purpose === 'evaluation');
            return byKind.length === 0 ? (
              <p className="text-quiet">No tasks have been handed out in this project yet.</p>
            ) : (
              <ul className="flex max-w-2xl flex-col gap-3">
                {byKind.map((row) => (
                  <li
                    key={`${row.kind} ${row.purpose} ${row.roundId ?? ''}`}
                    className="grid gap-x-4 sm:grid-cols-[12rem_1fr]"
                  >
                    <span>
                      {row.purpose === 'evaluation'
                        ? 'Blind votes'
                        : row.kind === 'ranking'
                          ? 'Rankings'
                          : row.kind === 'review'
                            ? 'Reviews'
                            : 'Demonstrations'}
                      {row.active > 0 && <span className="text-12 text-quiet"> · {row.active} in hand</span>}
                    </span>
                    <Progress
                      value={row.submitted}
                      total={row.wanted}
                      label={`${row.kind} labels, ${row.purpose}`}
                    />
                  </li>
                ))}
              </ul>
            );
          }}
        </Loaded>
      </Section>
      <Section title="Newest runs">
        <Loaded query={runs}>
          {(rows) =>
            rows.length === 0 ? (
              <p className="text-quiet">No run yet. A round starts its runs by itself.</p>
            ) : (
              <ul className="flex max-w-2xl flex-col gap-3">
                {rows.map((run) => (
                  <li key={run.id} className="grid items-center gap-x-4 sm:grid-cols-[12rem_6rem_1fr]">
                    <Link href={`/runs/${run.id}`} className="truncate hover:underline">
                      {run.name || STATE_NAMES[run.stage]}
                    </Link>
                    <span>
                      <StatusChip status={run.status} />
                    </span>
                    <Progress
                      value={run.step}
                      total={run.totalSteps}
                      label={`Steps of ${run.name || run.stage}`}
                      tone={run.status === 'completed' ? 'green' : 'plain'}
                    />
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Section>
      <BestModels projectId={projectId} />
    </>
  );
}

function RoundCard({ roundId }: { roundId: string }) {
  const trpc = useTRPC();
  const round = useQuery(trpc.rounds.get.queryOptions({ roundId }, { refetchInterval: REFRESH_MS }));
  return (
    <Loaded query={round}>
      {(data) => (
        <div className="flex flex-col gap-3">
          <p className="flex flex-wrap items-center gap-3">
            <Link href={`/rounds/${roundId}`} className="font-strong hover:underline">
              {data.name || `Round ${data.number}`}
            </Link>
            <StatusChip status={data.status} />
            {data.hasReport && (
              <Link href={`/rounds/${roundId}/report`} className="text-gold-text underline">
                Open report
              </Link>
            )}
          </p>
          <StateStrip round={data} />
          <p className="break-words text-quiet">{data.waitsFor}</p>
        </div>
      )}
    </Loaded>
  );
}

function BestModels({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const models = useQuery(trpc.models.list.queryOptions({ projectId, limit: SHOWN_RUNS }));
  if (!models.data || models.data.length === 0) return null;
  return (
    <Section title="Newest models">
      <ul className="flex max-w-2xl flex-col gap-2">
        {models.data.map((model) => (
          <li key={model.id} className="grid grid-cols-[5rem_minmax(0,1fr)] items-center gap-3">
            <span>
              <ModelChip kind={model.kind} />
            </span>
            <Link href={`/models/${model.id}`} className="truncate hover:underline">
              {model.name}
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}
