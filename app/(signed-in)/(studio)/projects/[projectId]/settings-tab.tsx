'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { CheckField, SelectField, TextArea, TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';
import { Group, NumberField, PercentField, Switchable } from './settings-fields.tsx';

type Project = Outputs['projects']['get'];
type Settings = NonNullable<Project['settings']>;
const RATINGS = ['off', 'optional', 'required'] as const;

/** How the project wants its work done. */
export function SettingsTab({ project, settings: stored }: { project: Project; settings: Settings }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const update = useMutation(trpc.projects.update.mutationOptions());
  const [name, setName] = useState(project.name);
  const [description, setDescription] = useState(project.description);
  const [settings, setSettings] = useState(stored);
  const { review } = settings;
  const change = (part: Partial<typeof settings>) => setSettings({ ...settings, ...part });

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
    <form onSubmit={save} className="flex max-w-2xl flex-col gap-6">
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
      <Group title="Handing out">
        <p className="text-12 text-quiet">How many different people each new task wants.</p>
        <div className="grid items-start gap-4 sm:grid-cols-3">
          {(['demonstration', 'ranking', 'review'] as const).map((kind) => (
            <NumberField
              key={kind}
              label={`People per ${kind}`}
              min={1}
              max={1000}
              value={settings.wantedLabels[kind]}
              onChange={(value) => change({ wantedLabels: { ...settings.wantedLabels, [kind]: value } })}
            />
          ))}
        </div>
        <NumberField
          label="Hold on a task, in minutes"
          hint="After so long without a sign of its labeler a task goes back to the queue; the text is kept."
          min={1}
          max={1440}
          value={Math.round(settings.leaseSeconds / 60)}
          onChange={(minutes) => change({ leaseSeconds: minutes * 60 })}
        />
        <Switchable
          label="Limit the labels that one person gives in a day"
          value={settings.dailyCap}
          whenOn={100}
          onChange={(dailyCap) => change({ dailyCap })}
        >
          {(cap) => (
            <NumberField
              label="Labels a day"
              hint="All kinds together, from midnight UTC. What somebody has in hand they may always finish."
              min={1}
              max={100_000}
              value={cap}
              onChange={(dailyCap) => change({ dailyCap })}
            />
          )}
        </Switchable>
      </Group>
      <Group title="Ranking">
        <SelectField
          label="Ratings 1 to 7 and flags, before the ranking"
          value={settings.ratings}
          onChange={(event) =>
            change({ ratings: RATINGS.find((one) => one === event.target.value) ?? 'optional' })
          }
        >
          {RATINGS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </SelectField>
        <CheckField
          label="Ask how much better each rank is than the next"
          checked={settings.strengths}
          onChange={(event) => change({ strengths: event.target.checked })}
        />
      </Group>
      <Group title="Known answers">
        <PercentField
          label="Gold tasks, in % of the tasks handed out"
          hint="Labelers cannot tell them from the others. Upload them under Gold; at most 50 %."
          max={50}
          value={settings.gold.rate}
          onChange={(rate) => change({ gold: { ...settings.gold, rate } })}
        />
        <CheckField
          label="Show labelers how often they met the known answers"
          checked={settings.gold.shown}
          onChange={(event) => change({ gold: { ...settings.gold, shown: event.target.checked } })}
        />
        <Switchable
          label="Screen people before any other work"
          value={settings.screening}
          whenOn={{ tasks: 5, pass: 0.7 }}
          onChange={(screening) => change({ screening })}
        >
          {(screening) => (
            <>
              <NumberField
                label="Screening tasks"
                hint="The first that a person hands in decide. Upload at least as many under Gold."
                min={1}
                max={100}
                value={screening.tasks}
                onChange={(tasks) => change({ screening: { ...screening, tasks } })}
              />
              <PercentField
                label="Passed at, in %"
                hint="Mean share of the known order that they met. Admins need no screening, and may let people through."
                value={screening.pass}
                onChange={(pass) => change({ screening: { ...screening, pass } })}
              />
            </>
          )}
        </Switchable>
      </Group>
      <Group title="Review">
        <Switchable
          label="Review rankings on which labelers disagree"
          value={review.agreementBelow}
          whenOn={0.6}
          onChange={(agreementBelow) => change({ review: { ...review, agreementBelow } })}
        >
          {(share) => (
            <PercentField
              label="When they agree on less than, in %"
              hint="Of the pairs of completions that they all put in an order."
              value={share}
              onChange={(agreementBelow) => change({ review: { ...review, agreementBelow } })}
            />
          )}
        </Switchable>
        <Switchable
          label="Review rankings that the reward model contradicts"
          value={review.rewardMargin}
          whenOn={2}
          onChange={(rewardMargin) => change({ review: { ...review, rewardMargin } })}
        >
          {(margin) => (
            <NumberField
              label="By a reward margin of"
              hint="In the reward model’s normalised units: 1 is one standard deviation."
              min={0}
              max={100}
              step={0.1}
              value={margin}
              onChange={(rewardMargin) => change({ review: { ...review, rewardMargin } })}
            />
          )}
        </Switchable>
        <PercentField
          label="Tasks reviewed whatever they are, in %"
          hint="A sample, to know how good the labels are that nothing else calls in."
          value={review.sampled}
          onChange={(sampled) => change({ review: { ...review, sampled } })}
        />
      </Group>
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
