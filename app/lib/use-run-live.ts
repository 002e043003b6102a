'use client';

import { useQueryClient } from '@tanstack/react-query';
import { useSubscription } from '@trpc/tanstack-react-query';
import { useState } from 'react';
import { type MetricRow, mergeRows } from './metrics.ts';
import { type Outputs, useTRPC } from './trpc.ts';

export interface RunSample {
  step: number;
  position: number;
  prompt: string;
  completion: string;
  reward: number | null;
}

type LiveEvent = Outputs['runs']['live'] extends AsyncIterable<infer E> ? E : never;
type StatusEvent = Extract<LiveEvent extends { data: infer D } ? D : LiveEvent, { kind: 'status' }>;

export interface RunLive {
  rows: MetricRow[];
  samples: RunSample[];
  /** Null until the first event. */
  status: Omit<StatusEvent, 'kind'> | null;
  /** What stands in the way of new events; null when nothing does. */
  trouble: string | null;
}

/** A run's curves and samples from its start, and then as they come. Remount (key) for another run. */
export function useRunLive(runId: string): RunLive {
  const trpc = useTRPC();
  const client = useQueryClient();
  const [live, setLive] = useState<Omit<RunLive, 'trouble'>>({ rows: [], samples: [], status: null });
  const subscription = useSubscription(
    trpc.runs.live.subscriptionOptions(
      { runId },
      {
        onData({ data }) {
          if (data.kind === 'status' && data.status !== live.status?.status && live.status !== null) {
            // The model it made, its end: facts that only the page's own query has.
            void client.invalidateQueries({ queryKey: trpc.runs.get.queryKey({ runId }) });
          }
          setLive((before) => {
            if (data.kind === 'metrics') return { ...before, rows: mergeRows(before.rows, data.rows) };
            if (data.kind === 'samples') return { ...before, samples: [...before.samples, ...data.rows] };
            if (data.kind === 'status') return { ...before, status: data };
            return {
              ...before,
              rows: before.rows.filter((row) => row.step <= data.step),
              samples: before.samples.filter((sample) => sample.step <= data.step),
            };
          });
        },
      },
    ),
  );
  return { ...live, trouble: subscription.status === 'error' ? subscription.error.message : null };
}
