'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { Button } from '../../../components/ui/button.tsx';
import { Dialog } from '../../../components/ui/dialog.tsx';
import { SelectField, TextArea, TextField } from '../../../components/ui/field.tsx';
import type { ProjectSummary } from '../../../lib/project.tsx';
import { type Inputs, useTRPC } from '../../../lib/trpc.ts';

type Config = NonNullable<Inputs['rounds']['launch']['config']>;

const TARGETS = [
  ['demonstrations', 'Demonstrations', 'Before SFT.', 200, 0],
  ['rankings', 'Rankings', 'Before the reward model.', 300, 1],
  ['votes', 'Blind votes', 'Before the report.', 100, 0],
] as const;

/** Launches the project's next round: where it starts from, how many labels open its gates, how it trains. */
export function LaunchDialog({
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
  const router = useRouter();
  const models = useQuery({ ...trpc.models.list.queryOptions({ projectId: project.id }), enabled: open });
  const launch = useMutation(trpc.rounds.launch.mutationOptions());
  const [name, setName] = useState('');
  const [parent, setParent] = useState('');
  const [targets, setTargets] = useState<Record<string, string>>({});
  const [config, setConfig] = useState('{}');
  const [error, setError] = useState<string | null>(null);
  const starts = (models.data ?? []).filter((model) => model.kind !== 'reward');
  const target = (key: string, standard: number) => Number(targets[key] ?? standard);

  async function run() {
    setError(null);
    let parsed: Config;
    try {
      // Its form is checked by the server, which names the first field at fault.
      parsed = JSON.parse(config) as Config;
    } catch (thrown) {
      setError(`Settings: not valid JSON: ${thrown instanceof Error ? thrown.message : ''}`);
      return;
    }
    try {
      const { roundId } = await launch.mutateAsync({
        projectId: project.id,
        targets: {
          demonstrations: target('demonstrations', 200),
          rankings: target('rankings', 300),
          votes: target('votes', 100),
        },
        config: parsed,
        ...(name.trim() === '' ? {} : { name: name.trim() }),
        ...(parent === '' ? {} : { parentModelId: parent }),
      });
      await client.invalidateQueries({ queryKey: trpc.rounds.pathKey() });
      router.push(`/rounds/${roundId}`);
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : 'No answer.');
    }
  }

  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title={`Launch a round in ${project.name}`}
      description="Its demonstration tasks are handed out at once. Its settings are pinned and can be read on its page."
      actions={
        <Button tone="primary" busy={launch.isPending} onClick={() => void run()}>
          Launch round
        </Button>
      }
    >
      <TextField
        label="Name"
        hint="Left empty, it is named by its number."
        value={name}
        maxLength={200}
        onChange={(event) => setName(event.target.value)}
      />
      <SelectField label="Start from" value={parent} onChange={(event) => setParent(event.target.value)}>
        <option value="">The last round’s policy</option>
        {starts.map((model) => (
          <option key={model.id} value={model.id}>
            {model.name} ({model.kind})
          </option>
        ))}
      </SelectField>
      <div className="grid gap-4 sm:grid-cols-3">
        {TARGETS.map(([key, label, hint, standard, least]) => (
          <TextField
            key={key}
            label={label}
            hint={hint}
            type="number"
            min={least}
            value={targets[key] ?? String(standard)}
            onChange={(event) => setTargets({ ...targets, [key]: event.target.value })}
          />
        ))}
      </div>
      <details>
        <summary className="text-12 text-quiet">Training settings</summary>
        <div className="pt-2">
          <TextArea
            label="Settings"
            hint="JSON with seed, sft, reward, ppo, sampling and evaluation; what is absent has its default."
            rows={6}
            value={config}
            onChange={(event) => setConfig(event.target.value)}
            className="figures"
          />
        </div>
      </details>
      {error && (
        <p role="alert" className="break-words text-red">
          {error}
        </p>
      )}
    </Dialog>
  );
}
