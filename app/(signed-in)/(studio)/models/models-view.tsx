'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { Chip, ModelChip } from '../../../components/ui/chip.tsx';
import { Page } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { dateTime, measure } from '../../../lib/format.ts';
import { useTRPC } from '../../../lib/trpc.ts';

/** Metrics worth a column, the first found of each model. */
const HEADLINES: [key: string, name: string][] = [
  ['validationAccuracy', 'accuracy'],
  ['rewardMean', 'reward'],
  ['validationLoss', 'validation loss'],
  ['loss', 'loss'],
];

/** The one figure that says most about a model. */
function headline(metrics: Record<string, number>): string {
  const found = HEADLINES.find(([key]) => metrics[key] !== undefined);
  return found ? `${found[1]} ${measure(metrics[found[0]] ?? 0)}` : '';
}

export function ModelsView() {
  const trpc = useTRPC();
  const models = useQuery(trpc.models.list.queryOptions({}));
  return (
    <Page title="Models" lead="Every checkpoint, with the run, the data and the model that made it.">
      <Loaded query={models} rows={8}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No models yet">
              A model appears when a run finishes. The first is a base model, made by pretraining.
            </Empty>
          ) : (
            <Table
              caption="Models, newest first"
              rows={rows}
              rowKey={(model) => model.id}
              columns={[
                {
                  head: 'Model',
                  cell: (model) => (
                    <Link href={`/models/${model.id}`} className="font-strong hover:underline">
                      {model.name}
                    </Link>
                  ),
                },
                { head: 'Kind', cell: (model) => <ModelChip kind={model.kind} /> },
                {
                  head: 'Round',
                  cell: (model) =>
                    model.roundId === null ? (
                      <span className="text-quiet">none</span>
                    ) : (
                      <Link href={`/rounds/${model.roundId}`} className="hover:underline">
                        {model.roundNumber}
                      </Link>
                    ),
                },
                {
                  head: 'At its end',
                  cell: (model) => <span className="figures">{headline(model.metrics)}</span>,
                },
                {
                  head: 'Promoted',
                  cell: (model) => (model.promotedAt ? <Chip tone="gold">★ promoted</Chip> : ''),
                },
                { head: 'Made', numeric: true, cell: (model) => dateTime(model.createdAt) },
              ]}
            />
          )
        }
      </Loaded>
    </Page>
  );
}
