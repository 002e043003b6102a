'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { WithProject } from '../../../components/shell/with-project.tsx';
import { Button } from '../../../components/ui/button.tsx';
import { Chip } from '../../../components/ui/chip.tsx';
import { Dialog } from '../../../components/ui/dialog.tsx';
import { SelectField, TextField } from '../../../components/ui/field.tsx';
import { KeyButton } from '../../../components/ui/key-button.tsx';
import { useNotices } from '../../../components/ui/notices.tsx';
import { Page, Section } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { count, dateTime } from '../../../lib/format.ts';
import type { ProjectSummary } from '../../../lib/project.tsx';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';
import { ImportDialog } from './import-dialog.tsx';

type Version = Outputs['datasets']['list'][number];

/** What each export format is, for whoever downloads it. */
const FORMAT_HINTS: Record<string, string> = {
  native: 'everything, one line a label',
  'prompt-completion': 'TRL prompt and completion',
  messages: 'TRL messages',
  'chosen-rejected': 'TRL prompt, chosen, rejected',
};

export function DatasetsView() {
  return (
    <WithProject title="Datasets" none="Datasets belong to a project. An admin can add you to one.">
      {(project) => <ProjectDatasets key={project.id} project={project} />}
    </WithProject>
  );
}

function ProjectDatasets({ project }: { project: ProjectSummary }) {
  const trpc = useTRPC();
  const versions = useQuery(trpc.datasets.list.queryOptions({ projectId: project.id }));
  const prompts = useQuery(trpc.datasets.promptCounts.queryOptions({ projectId: project.id }));
  const [open, setOpen] = useState<'freeze' | 'import' | null>(null);
  return (
    <Page
      title="Datasets"
      over={project.name}
      lead="A frozen version never changes: its labels, its splits and its hash are fixed, and every model names the version it learnt from."
      actions={
        <>
          <KeyButton keys="i" onPress={() => setOpen('import')}>
            Import file
          </KeyButton>
          <KeyButton keys="n" tone="primary" onPress={() => setOpen('freeze')}>
            Freeze version
          </KeyButton>
        </>
      }
    >
      {prompts.data && (
        <p className="text-quiet">
          {Object.entries(prompts.data)
            .map(([split, number]) => `${count(Number(number))} ${split}`)
            .join(' · ')}{' '}
          prompts. A prompt’s split is fixed by its hash, so a group never straddles two.
        </p>
      )}
      <Section title="Versions">
        <Loaded query={versions}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty
                title="No version yet"
                action={<Button onClick={() => setOpen('freeze')}>Freeze version</Button>}
              >
                Freezing takes every demonstration or ranking submitted so far. Rounds freeze their own.
              </Empty>
            ) : (
              <ul className="flex flex-col">
                {rows.map((version) => (
                  <VersionRow key={version.id} version={version} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Section>
      <FreezeDialog project={project} open={open === 'freeze'} onClose={() => setOpen(null)} />
      <ImportDialog project={project} open={open === 'import'} onClose={() => setOpen(null)} />
    </Page>
  );
}

function VersionRow({ version }: { version: Version }) {
  const { counts } = version;
  return (
    <li
      id={version.id}
      className="flex scroll-mt-16 flex-wrap items-start gap-x-8 gap-y-2 border-b py-4 target:bg-gold-wash"
    >
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-center gap-2">
          <strong className="break-words">{version.name}</strong>
          <Chip>{version.kind}</Chip>
          {version.roundId && <Chip>of a round</Chip>}
        </p>
        <p className="text-12 text-quiet">
          <span className="figures">{dateTime(version.createdAt)}</span>
          {version.createdBy ? ` by ${version.createdBy}` : ' by its round'} · hash{' '}
          <code className="figures" title={version.contentHash}>
            {version.contentHash.slice(0, 12)}
          </code>
        </p>
      </div>
      <p className="basis-56 text-12 text-quiet">
        <span className="figures text-17 text-ink">{count(counts.total)}</span> labels
        <br />
        <span className="figures">
          {count(counts.train)} train · {count(counts.validation)} validation
        </span>
        <LeftOut leftOut={version.leftOut} />
      </p>
      <ul aria-label={`Exports of ${version.name}`} className="flex flex-col gap-1 text-12">
        {version.formats.map((format) => (
          <li key={format}>
            <a
              href={`/api/v1/datasets/${version.id}/export?format=${format}`}
              download
              className="text-gold-text underline underline-offset-2"
            >
              Export {format}
            </a>{' '}
            <span className="text-quiet">{FORMAT_HINTS[format]}</span>
          </li>
        ))}
      </ul>
    </li>
  );
}

/** How many labels a version left out, and why; nothing where it left out none. */
function LeftOut({ leftOut: { rejected = 0, revoked = 0 } }: Pick<Version, 'leftOut'>) {
  const reasons = [
    ...(rejected > 0 ? [`${count(rejected)} rejected in review`] : []),
    ...(revoked > 0 ? [`${count(revoked)} by people whose labels count no more`] : []),
  ];
  if (reasons.length === 0) return null;
  return (
    <>
      <br />
      left out: {reasons.join(', ')}
    </>
  );
}

function FreezeDialog({
  project,
  open,
  onClose,
}: {
  project: ProjectSummary;
  open: boolean;
  onClose(): void;
}) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const freeze = useMutation(trpc.datasets.freeze.mutationOptions());
  const [kind, setKind] = useState<'demonstrations' | 'rankings'>('rankings');
  const [name, setName] = useState('');
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title="Freeze a version"
      description="It takes every label that counts as it is now. Frozen labels can no longer be edited by their authors."
      actions={
        <Button
          tone="primary"
          busy={freeze.isPending}
          onClick={() =>
            freeze.mutate(
              { projectId: project.id, kind, ...(name.trim() === '' ? {} : { name: name.trim() }) },
              {
                onSuccess: async (version) => {
                  await client.invalidateQueries({ queryKey: trpc.datasets.pathKey() });
                  notify({
                    tone: 'green',
                    text: `Frozen: ${version.name}, ${count(version.counts.total)} labels.`,
                  });
                  setName('');
                  onClose();
                },
              },
            )
          }
        >
          Freeze version
        </Button>
      }
    >
      <SelectField
        label="Labels"
        value={kind}
        onChange={(event) => setKind(event.target.value === 'rankings' ? 'rankings' : 'demonstrations')}
      >
        <option value="rankings">Rankings</option>
        <option value="demonstrations">Demonstrations</option>
      </SelectField>
      <TextField
        label="Name"
        hint="Left empty, it is named after its kind and number."
        value={name}
        maxLength={200}
        onChange={(event) => setName(event.target.value)}
        error={freeze.error?.message}
      />
    </Dialog>
  );
}
