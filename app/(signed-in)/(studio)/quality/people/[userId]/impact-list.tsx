'use client';

import Link from 'next/link';
import { Chip, ModelChip, StatusChip } from '../../../../../components/ui/chip.tsx';
import { Table } from '../../../../../components/ui/table.tsx';
import { count, percent } from '../../../../../lib/format.ts';
import type { Outputs } from '../../../../../lib/trpc.ts';

type Impact = Outputs['quality']['impact'];

const THROUGH = {
  data: (of: string) => `trained on ${of}`,
  parent: (of: string) => `begun from ${of}`,
  reward: (of: string) => `optimised against ${of}`,
} as const;

/** The frozen versions that hold a person's labels, and the checkpoints that learnt from them. */
export function ImpactList({ impact }: { impact: Impact }) {
  const { labels, versions, models, runs } = impact;
  const counted = [
    labels.rankings > 0 ? `${count(labels.rankings)} rankings` : '',
    labels.demonstrations > 0 ? `${count(labels.demonstrations)} demonstrations` : '',
  ].filter((text) => text !== '');
  return (
    <div className="flex flex-col gap-4">
      <p className="max-w-prose">
        {counted.length === 0
          ? 'They have no label that counts.'
          : `${counted.join(' and ')} of theirs count.`}{' '}
        {versions.length === 0
          ? 'No dataset version holds any, so no model learnt from them.'
          : `${count(versions.length)} dataset ${versions.length === 1 ? 'version holds' : 'versions hold'} labels of theirs, and ${count(models.length)} ${models.length === 1 ? 'model' : 'models'} came of ${versions.length === 1 ? 'it' : 'them'}.`}
      </p>
      {versions.length > 0 && (
        <Table
          caption="Dataset versions that hold their labels"
          showCaption
          rows={versions}
          rowKey={(version) => version.id}
          columns={[
            {
              head: 'Version',
              cell: (version) => (
                <Link href="/datasets" className="hover:underline">
                  {version.name}
                </Link>
              ),
            },
            { head: 'Labels of theirs', numeric: true, cell: ({ held }) => count(held) },
            { head: 'Of all', numeric: true, cell: ({ total }) => count(total) },
            { head: 'Share', numeric: true, cell: ({ held, total }) => percent(held / total, 1) },
          ]}
        />
      )}
      {models.length > 0 && (
        <Table
          caption="Checkpoints that learnt from them"
          showCaption
          rows={models}
          rowKey={(model) => model.id}
          columns={[
            {
              head: 'Model',
              cell: (model) => (
                <span className="flex flex-wrap items-center gap-2">
                  <ModelChip kind={model.kind} />
                  <Link href={`/models/${model.id}`} className="hover:underline">
                    {model.name}
                  </Link>
                  {model.promoted && <Chip tone="gold">★ promoted</Chip>}
                </span>
              ),
            },
            { head: 'Through', cell: ({ through, of }) => THROUGH[through](of) },
          ]}
        />
      )}
      {runs.length > 0 && (
        <p className="flex flex-wrap items-center gap-2">
          Under way on such labels:
          {runs.map((run) => (
            <span key={run.id} className="inline-flex items-center gap-2">
              <Link href={`/runs/${run.id}`} className="hover:underline">
                {run.name || run.stage}
              </Link>
              <StatusChip status={run.status} />
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
