'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { Lineage } from '../../../../components/charts/lineage.tsx';
import { useUser } from '../../../../components/shell/user.tsx';
import { Chip, ModelChip } from '../../../../components/ui/chip.tsx';
import { Confirm } from '../../../../components/ui/dialog.tsx';
import { KeyButton } from '../../../../components/ui/key-button.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Facts, Page, Section } from '../../../../components/ui/page-frame.tsx';
import { LoadedPage } from '../../../../components/ui/states.tsx';
import { Table } from '../../../../components/ui/table.tsx';
import { dateTime, measure } from '../../../../lib/format.ts';
import { metricName } from '../../../../lib/metrics.ts';
import { useTRPC } from '../../../../lib/trpc.ts';

export function ModelView({ modelId }: { modelId: string }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const user = useUser();
  const { notify } = useNotices();
  const query = useQuery(trpc.models.get.queryOptions({ modelId }));
  const promote = useMutation(trpc.models.promote.mutationOptions());
  const [confirming, setConfirming] = useState(false);

  async function promoteModel() {
    try {
      await promote.mutateAsync({ modelId });
      await client.invalidateQueries({ queryKey: trpc.models.pathKey() });
      notify({ tone: 'green', text: 'The model is promoted.' });
    } catch (error) {
      notify({ tone: 'red', text: error instanceof Error ? error.message : 'No answer.' });
    }
    setConfirming(false);
  }

  return (
    <LoadedPage query={query} title="Model">
      {(model) => (
        <Page
          over={<Link href="/models">Models</Link>}
          title={model.name}
          lead={
            <span className="flex flex-wrap items-center gap-2">
              <ModelChip kind={model.kind} />
              {model.promotedAt && <Chip tone="gold">★ promoted {dateTime(model.promotedAt)}</Chip>}
            </span>
          }
          actions={
            user.role === 'admin' &&
            !model.promotedAt && (
              <KeyButton keys="n" onPress={() => setConfirming(true)}>
                Promote model
              </KeyButton>
            )
          }
        >
          <Section title="What made it">
            <Facts
              facts={[
                { name: 'Made', value: dateTime(model.createdAt) },
                {
                  name: 'Run',
                  value: model.run ? (
                    <Link href={`/runs/${model.run.id}`} className="underline">
                      {model.run.stage}
                    </Link>
                  ) : (
                    'imported'
                  ),
                },
                {
                  name: 'Dataset version',
                  value: model.datasetVersion ? (
                    <Link href={`/datasets#${model.datasetVersion.id}`} className="underline">
                      {model.datasetVersion.name}
                    </Link>
                  ) : (
                    'none'
                  ),
                },
                {
                  name: 'Content hash',
                  value: model.datasetVersion ? (
                    <code className="figures text-12">{model.datasetVersion.contentHash.slice(0, 16)}…</code>
                  ) : (
                    'none'
                  ),
                },
                {
                  name: 'Round',
                  value: model.roundId ? (
                    <Link href={`/rounds/${model.roundId}`} className="underline">
                      Round {model.roundNumber}
                    </Link>
                  ) : (
                    'none'
                  ),
                },
                {
                  name: 'Folder',
                  value: (
                    <code className="figures text-12 break-all" key="folder">
                      {model.folder}
                    </code>
                  ),
                },
              ]}
            />
          </Section>
          <Section title="Lineage">
            <Lineage nodes={model.lineage} current={model.id} />
          </Section>
          <Section title="Metrics at its end">
            {Object.keys(model.metrics).length === 0 ? (
              <p className="text-quiet">Its run reported none.</p>
            ) : (
              <div className="max-w-md">
                <Table
                  caption="Metrics"
                  rows={Object.entries(model.metrics)}
                  rowKey={([name]) => name}
                  columns={[
                    { head: 'Metric', cell: ([name]) => metricName(name) },
                    { head: 'Value', numeric: true, cell: ([, value]) => measure(value) },
                  ]}
                />
              </div>
            )}
          </Section>
          <Confirm
            open={confirming}
            onOpenChange={setConfirming}
            title={`Promote ${model.name}?`}
            description="It becomes the project’s chosen model of its kind; the one chosen before steps back. Nothing is deleted."
            verb="Promote model"
            busy={promote.isPending}
            onConfirm={() => void promoteModel()}
          />
        </Page>
      )}
    </LoadedPage>
  );
}
