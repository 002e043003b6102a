'use client';

import { useQuery } from '@tanstack/react-query';
import { useSubscription } from '@trpc/tanstack-react-query';
import Link from 'next/link';
import { useState } from 'react';
import { RunCurves } from '../../../../components/charts/run-curves.tsx';
import { RunSamples } from '../../../../components/charts/run-samples.tsx';
import { STATE_NAMES, StateStrip } from '../../../../components/charts/state-strip.tsx';
import { buttonClass } from '../../../../components/ui/button.tsx';
import { ChoiceChip, StatusChip } from '../../../../components/ui/chip.tsx';
import { JsonBlock } from '../../../../components/ui/json-block.tsx';
import { Facts, Page, Section } from '../../../../components/ui/page-frame.tsx';
import { LoadedPage } from '../../../../components/ui/states.tsx';
import { Table } from '../../../../components/ui/table.tsx';
import { ago, count, dateTime, duration } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';
import { useNow } from '../../../../lib/use-now.ts';
import { useRunLive } from '../../../../lib/use-run-live.ts';
import { RoundActions } from './round-actions.tsx';

type Round = Outputs['rounds']['get'];

/** A round as it goes, live. */
export function RoundView({ roundId }: { roundId: string }) {
  const trpc = useTRPC();
  const round = useQuery(trpc.rounds.get.queryOptions({ roundId }));
  const live = useSubscription(trpc.rounds.live.subscriptionOptions({ roundId }));
  return (
    <LoadedPage query={round} title="Round">
      {(first) => (
        <RoundPage
          round={live.data?.data ?? first}
          trouble={live.status === 'error' ? live.error.message : null}
          onChanged={() => void round.refetch()}
        />
      )}
    </LoadedPage>
  );
}

function RoundPage({
  round,
  trouble,
  onChanged,
}: {
  round: Round;
  trouble: string | null;
  onChanged(): void;
}) {
  const now = useNow();
  const withRuns = round.states.filter((one) => one.runId !== null && one.phase !== 'ahead');
  const newest = withRuns.at(-1);
  const [chosen, setChosen] = useState<string | null>(null);
  const shown = withRuns.find((one) => one.state === chosen) ?? newest;
  return (
    <Page
      over={<Link href="/rounds">Rounds</Link>}
      title={round.name || `Round ${round.number}`}
      lead={<StatusChip status={round.status} />}
      actions={
        <>
          {round.hasReport && (
            <Link href={`/rounds/${round.id}/report`} className={buttonClass('primary')}>
              Open report
            </Link>
          )}
          <RoundActions round={round} onChanged={onChanged} />
        </>
      }
    >
      <StateStrip round={round} />
      <div role="status" className="flex flex-col gap-1">
        <p className={`text-17 break-words ${round.status === 'failed' ? 'text-red' : ''}`}>
          {round.waitsFor}
        </p>
        <p className="text-12 text-quiet">
          {round.status === 'active' &&
            `In ${STATE_NAMES[round.state]} ${now === null ? '' : `since ${ago(round.stateSince, now)}`}. `}
          {round.activeLabelers > 0 &&
            `${count(round.activeLabelers)} ${round.activeLabelers === 1 ? 'person is' : 'people are'} at work. `}
          {round.job?.worker && `The worker ${round.job.worker} has it. `}
        </p>
        {trouble && <p className="text-12 text-red">Live news stopped: {trouble}</p>}
      </div>
      {shown?.runId ? (
        <Section
          title={`Curves of ${STATE_NAMES[shown.state === 'demonstrations' ? 'demonstrations' : shown.state]}`}
          actions={
            <div className="flex flex-wrap gap-2">
              {withRuns.map((one) => (
                <ChoiceChip
                  key={one.state}
                  pressed={one.state === shown.state}
                  onToggle={() => setChosen(one.state === newest?.state ? null : one.state)}
                >
                  {one.state === 'demonstrations' ? 'pretraining' : STATE_NAMES[one.state]}
                </ChoiceChip>
              ))}
            </div>
          }
        >
          <StageLive
            key={shown.runId}
            runId={shown.runId}
            stage={shown.state === 'demonstrations' ? 'pretrain' : shown.state}
          />
        </Section>
      ) : (
        <Section title="Curves">
          <p className="text-quiet">
            No stage has started to train yet. Its curves and samples will be here.
          </p>
        </Section>
      )}
      <Section title="What happened">
        <Table
          caption="Moves of the round"
          rows={[...round.transitions].reverse()}
          rowKey={(move) => `${move.from} ${move.to} ${move.at.getTime()}`}
          columns={[
            {
              head: 'Move',
              cell: (move) => `${STATE_NAMES[move.from] ?? move.from} → ${STATE_NAMES[move.to] ?? move.to}`,
            },
            { head: 'By', cell: (move) => move.actor ?? 'its gate' },
            { head: 'When', numeric: true, cell: (move) => dateTime(move.at) },
          ]}
        />
        <Facts
          facts={[
            { name: 'Launched', value: dateTime(round.createdAt) },
            {
              name: 'Took',
              value: round.finishedAt
                ? duration((round.finishedAt.getTime() - round.createdAt.getTime()) / 1000)
                : 'not done',
            },
            { name: 'Demonstrations wanted', value: count(round.targets.demonstrations) },
            { name: 'Rankings wanted', value: count(round.targets.rankings) },
            { name: 'Votes wanted', value: count(round.targets.votes) },
          ]}
        />
        <details>
          <summary className="text-12 text-quiet">Settings</summary>
          <JsonBlock value={round.config} />
        </details>
      </Section>
    </Page>
  );
}

/** The curves and samples of one stage's run. */
function StageLive({ runId, stage }: { runId: string; stage: string }) {
  const live = useRunLive(runId);
  return (
    <>
      <RunCurves stage={stage} rows={live.rows} totalSteps={live.status?.totalSteps ?? null} compact />
      <div className="flex items-center gap-3 pt-4">
        <h3 className="flex-1 text-14 font-strong">The same four prompts, as the model changes</h3>
        <Link href={`/runs/${runId}`} className="text-12 text-gold-text underline">
          Open run
        </Link>
      </div>
      <RunSamples samples={live.samples} limit={4} />
    </>
  );
}
