'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { STAGE_KIND } from '../../../../components/charts/colours.ts';
import { RunCurves } from '../../../../components/charts/run-curves.tsx';
import { RunSamples } from '../../../../components/charts/run-samples.tsx';
import { useUser } from '../../../../components/shell/user.tsx';
import { Button } from '../../../../components/ui/button.tsx';
import { ModelChip, StatusChip } from '../../../../components/ui/chip.tsx';
import { Confirm } from '../../../../components/ui/dialog.tsx';
import { JsonBlock } from '../../../../components/ui/json-block.tsx';
import { KeyButton } from '../../../../components/ui/key-button.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Facts, Page, Section } from '../../../../components/ui/page-frame.tsx';
import { Progress } from '../../../../components/ui/progress.tsx';
import { LoadedPage } from '../../../../components/ui/states.tsx';
import { count, dateTime, duration } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';
import { useNow } from '../../../../lib/use-now.ts';
import { useRunLive } from '../../../../lib/use-run-live.ts';

type Run = Outputs['runs']['get'];

/** A run as it goes: progress, curves and samples live, and what made it and what it made. */
export function RunView({ runId }: { runId: string }) {
  const trpc = useTRPC();
  const run = useQuery(trpc.runs.get.queryOptions({ runId }));
  return (
    <LoadedPage query={run} title="Run">
      {(data) => <RunPage run={data} />}
    </LoadedPage>
  );
}

function RunPage({ run }: { run: Run }) {
  const live = useRunLive(run.id);
  const now = useNow();
  const status = live.status?.status ?? run.status;
  const step = live.status?.step ?? run.step;
  const totalSteps = live.status?.totalSteps ?? run.totalSteps;
  const resumedFrom = live.status?.resumedFrom ?? run.resumedFrom;
  const resumeCount = live.status?.resumeCount ?? run.resumeCount;
  const error = live.status?.error ?? run.error;
  const message = live.status?.message ?? run.message;
  const seconds = run.startedAt
    ? ((run.finishedAt?.getTime() ?? now ?? run.startedAt.getTime()) - run.startedAt.getTime()) / 1000
    : 0;
  const left = status === 'running' && totalSteps && step > 0 ? (seconds / step) * (totalSteps - step) : null;

  return (
    <Page
      over={<Link href="/runs">Runs</Link>}
      title={run.name || run.stage}
      lead={
        <span className="flex flex-wrap items-center gap-2">
          <ModelChip kind={STAGE_KIND[run.stage] ?? 'base'} />
          <StatusChip status={status} />
          {resumedFrom !== null && (
            <span>
              resumed from step {count(resumedFrom)}
              {resumeCount > 1 && ` (picked up ${resumeCount} times)`}
            </span>
          )}
        </span>
      }
      actions={<RunActions runId={run.id} status={status} />}
    >
      <div className="flex flex-col gap-2">
        <Progress
          value={step}
          total={totalSteps}
          unit="steps"
          label="Steps done"
          tone={status === 'completed' ? 'green' : 'plain'}
        />
        <p className="text-12 text-quiet">
          {run.startedAt ? duration(seconds) : 'Waiting for a worker.'}
          {left !== null && `, about ${duration(left)} to go`}
          {message !== '' && ` · ${message}`}
        </p>
        {error && (
          <p role="alert" className="rounded-one border border-red p-3 text-red">
            <strong>It failed.</strong> {error} Its last checkpoint is kept; a retry goes on from there.
          </p>
        )}
        {live.trouble && (
          <p role="status" className="text-12 text-red">
            Live news stopped: {live.trouble} What is shown is as of the last news.
          </p>
        )}
      </div>
      <Section title="Curves">
        <RunCurves stage={run.stage} rows={live.rows} totalSteps={totalSteps} />
      </Section>
      <Section title="Samples as it learns">
        <RunSamples samples={live.samples} />
      </Section>
      <Section title="What went in and what came out">
        <Facts
          facts={[
            {
              name: 'From',
              value: run.parent?.id ? <ModelLink key="from" model={run.parent} /> : 'nothing: untrained',
            },
            ...(run.rewardModel?.id
              ? [{ name: 'Reward model', value: <ModelLink key="reward" model={run.rewardModel} /> }]
              : []),
            { name: 'Data', value: run.datasetVersion?.id ? run.datasetVersion.name : 'files of its config' },
            {
              name: 'Made',
              value: run.model?.id ? <ModelLink key="made" model={run.model} /> : 'nothing yet',
            },
            {
              name: 'Round',
              value: run.roundId ? (
                <Link href={`/rounds/${run.roundId}`} className="underline" key="round">
                  Round {run.roundNumber}
                </Link>
              ) : (
                'none'
              ),
            },
            { name: 'Worker', value: run.job?.worker ?? 'none now' },
            { name: 'Queued', value: dateTime(run.createdAt) },
          ]}
        />
        <details>
          <summary className="text-12 text-quiet">Config</summary>
          <JsonBlock value={run.config} />
        </details>
      </Section>
    </Page>
  );
}

function ModelLink({ model }: { model: { id: string; name: string } }) {
  return (
    <Link href={`/models/${model.id}`} className="underline">
      {model.name}
    </Link>
  );
}

function RunActions({ runId, status }: { runId: string; status: string }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const user = useUser();
  const { notify } = useNotices();
  const cancel = useMutation(trpc.runs.cancel.mutationOptions());
  const retry = useMutation(trpc.runs.retry.mutationOptions());
  const [confirming, setConfirming] = useState(false);
  if (user.role !== 'admin') return null;

  async function act(what: () => Promise<unknown>, said: string) {
    try {
      await what();
      await client.invalidateQueries({ queryKey: trpc.runs.pathKey() });
      notify({ text: said });
    } catch (error) {
      notify({ tone: 'red', text: error instanceof Error ? error.message : 'No answer.' });
    }
    setConfirming(false);
  }

  if (status === 'running' || status === 'queued') {
    return (
      <>
        <KeyButton keys="x" tone="danger" onPress={() => setConfirming(true)}>
          Cancel run
        </KeyButton>
        <Confirm
          open={confirming}
          onOpenChange={setConfirming}
          danger
          title="Cancel this run?"
          description="It writes a checkpoint and stops. A retry goes on from there."
          verb="Cancel run"
          busy={cancel.isPending}
          onConfirm={() => void act(() => cancel.mutateAsync({ runId }), 'The run is being cancelled.')}
        />
      </>
    );
  }
  if (status === 'failed' || status === 'cancelled') {
    return (
      <Button
        tone="primary"
        busy={retry.isPending}
        onClick={() => void act(() => retry.mutateAsync({ runId }), 'The run is queued again.')}
      >
        Retry run
      </Button>
    );
  }
  return null;
}
