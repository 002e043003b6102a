'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { CheckField, SelectField, TextArea, TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';

type Project = Outputs['projects']['get'];
const RATINGS = ['off', 'optional', 'required'] as const;

/** How the project wants its work done. */
export function SettingsTab({ project }: { project: Project }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const update = useMutation(trpc.projects.update.mutationOptions());
  const [name, setName] = useState(project.name);
  const [description, setDescription] = useState(project.description);
  const [settings, setSettings] = useState(project.settings);

  async function save(event: FormEvent) {
    event.preventDefault();
    try {
      await update.mutateAsync({ projectId: project.id, name, description, settings });
      await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
      notify({ tone: 'green', text: 'Settings saved.' });
    } catch {
      // Shown at the field below.
    }
  }

  async function setState(state: 'active' | 'archived') {
    try {
      await update.mutateAsync({ projectId: project.id, state });
      await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
    } catch (error) {
      notify({ tone: 'red', text: error instanceof Error ? error.message : 'No answer.' });
    }
  }

  return (
    <form onSubmit={save} className="flex max-w-xl flex-col gap-5">
      <TextField
        label="Name"
        value={name}
        required
        maxLength={200}
        onChange={(event) => setName(event.target.value)}
        error={update.error?.message}
      />
      <TextArea
        label="Description"
        rows={3}
        maxLength={5000}
        value={description}
        onChange={(event) => setDescription(event.target.value)}
      />
      <div className="grid gap-5 sm:grid-cols-2">
        {(['demonstration', 'ranking'] as const).map((kind) => (
          <TextField
            key={kind}
            label={`People per ${kind}`}
            hint="How many different people each new task wants."
            type="number"
            min={1}
            max={1000}
            required
            value={settings.wantedLabels[kind]}
            onChange={(event) =>
              setSettings({
                ...settings,
                wantedLabels: { ...settings.wantedLabels, [kind]: Number(event.target.value) },
              })
            }
          />
        ))}
      </div>
      <TextField
        label="Hold on a task, in minutes"
        hint="After so long without a sign of its labeler a task goes back to the queue; the text is kept."
        type="number"
        min={1}
        max={1440}
        required
        value={Math.round(settings.leaseSeconds / 60)}
        onChange={(event) => setSettings({ ...settings, leaseSeconds: Number(event.target.value) * 60 })}
      />
      <SelectField
        label="Ratings 1 to 7 and flags, before the ranking"
        value={settings.ratings}
        onChange={(event) =>
          setSettings({
            ...settings,
            ratings: RATINGS.find((one) => one === event.target.value) ?? 'optional',
          })
        }
      >
        {RATINGS.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </SelectField>
      <CheckField
        label="Ask how much better each rank is than the next"
        checked={settings.strengths}
        onChange={(event) => setSettings({ ...settings, strengths: event.target.checked })}
      />
      <div className="flex gap-2">
        <Button tone="primary" type="submit" busy={update.isPending}>
          Save settings
        </Button>
        <Button onClick={() => void setState(project.state === 'active' ? 'archived' : 'active')}>
          {project.state === 'active' ? 'Archive project' : 'Reopen project'}
        </Button>
      </div>
    </form>
  );
}
