'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { Chip } from '../../../../components/ui/chip.tsx';
import { SelectField, TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Empty, Loaded } from '../../../../components/ui/states.tsx';
import { Table } from '../../../../components/ui/table.tsx';
import { count, percent } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';

type KnownTask = Outputs['projects']['knownTasks']['items'][number];

type Settings = NonNullable<Outputs['projects']['get']['settings']>;

/** Tasks whose answer is known: what there is, how well it is met, and the way to add more. */
export function GoldTab({ projectId, settings }: { projectId: string; settings: Settings }) {
  const trpc = useTRPC();
  const [pages, setPages] = useState<string[]>([]);
  const before = pages.at(-1);
  const known = useQuery(
    trpc.projects.knownTasks.queryOptions({ projectId, ...(before === undefined ? {} : { before }) }),
  );
  const { screening, gold } = settings;
  return (
    <div className="flex flex-col gap-6">
      <p className="max-w-[72ch] text-quiet">
        Gold tasks stand among the others, unseen as such: {percent(gold.rate)} of what is handed out.{' '}
        {screening === null
          ? 'No screening is asked for.'
          : `Screening comes before any other work: ${count(screening.tasks)} tasks, passed at ${percent(screening.pass)}.`}{' '}
        Both are set under Settings.
      </p>
      <Upload projectId={projectId} />
      <Loaded query={known} rows={6}>
        {({ items, next, total }) =>
          total === 0 ? (
            <Empty title="No known answers yet">
              Upload rankings whose order you are sure of: what labelers make of them is their accuracy.
            </Empty>
          ) : (
            <>
              <Table
                caption={`${count(total)} tasks with a known answer`}
                showCaption
                rows={items}
                rowKey={(task) => task.id}
                columns={[
                  {
                    head: 'Prompt',
                    cell: (task) => (
                      <p dir="auto" className="line-clamp-2 max-w-[60ch] font-serif text-17 break-words">
                        {task.messages?.at(-1)?.content}
                      </p>
                    ),
                  },
                  { head: 'For', cell: (task) => <Chip>{task.purpose}</Chip> },
                  { head: 'Completions', numeric: true, cell: (task) => count(task.completions) },
                  { head: 'Answered', numeric: true, cell: (task) => count(task.answered) },
                  {
                    head: 'Mean accuracy',
                    numeric: true,
                    cell: (task) => (task.accuracy === null ? '–' : percent(task.accuracy)),
                  },
                  { head: 'Handed out', cell: (task) => <Switch projectId={projectId} task={task} /> },
                ]}
              />
              <div className="flex gap-2">
                {pages.length > 0 && <Button onClick={() => setPages(pages.slice(0, -1))}>Newer</Button>}
                {next !== null && <Button onClick={() => setPages([...pages, next])}>Older</Button>}
              </div>
            </>
          )
        }
      </Loaded>
    </div>
  );
}

function Switch({ projectId, task }: { projectId: string; task: KnownTask }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const change = useMutation(trpc.projects.setKnownState.mutationOptions());
  const isOpen = task.state === 'open';
  const name = task.messages?.at(-1)?.content.slice(0, 60) ?? task.id;
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap">
      {isOpen ? 'yes' : 'no'}
      <Button
        small
        tone="quiet"
        busy={change.isPending}
        aria-label={`${isOpen ? 'Close' : 'Reopen'} the task “${name}”`}
        onClick={() =>
          change.mutate(
            { projectId, taskId: task.id, state: isOpen ? 'closed' : 'open' },
            {
              onSuccess: async () => {
                await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
                notify({
                  text: isOpen
                    ? 'Closed: it goes to nobody any more. Its answers and scores stay.'
                    : 'Open again.',
                });
              },
              onError: (error) => notify({ tone: 'red', text: error.message }),
            },
          )
        }
      >
        {isOpen ? 'Close' : 'Reopen'}
      </Button>
    </span>
  );
}

function Upload({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const upload = useMutation(trpc.projects.uploadKnown.mutationOptions());
  const [purpose, setPurpose] = useState<'gold' | 'screening'>('gold');
  const [file, setFile] = useState<File | null>(null);
  const [error, setError] = useState<string | null>(null);

  async function send(event: FormEvent) {
    event.preventDefault();
    if (!file) return;
    setError(null);
    try {
      const text = await file.text();
      const { tasks, existing } = await upload.mutateAsync({ projectId, purpose, fileName: file.name, text });
      await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
      const there = existing === 0 ? '' : ` There already: ${count(existing)}.`;
      notify({
        tone: tasks > 0 ? 'green' : 'plain',
        text: `${count(tasks)} ${purpose} ${tasks === 1 ? 'task' : 'tasks'} made.${there}`,
      });
    } catch (thrown) {
      setError(`${thrown instanceof Error ? thrown.message : 'No answer.'} Nothing was uploaded.`);
    }
  }

  return (
    <form onSubmit={send} className="flex max-w-3xl flex-col gap-4">
      <div className="grid items-start gap-4 sm:grid-cols-2">
        <TextField
          label="Rankings to upload"
          hint="JSON lines {“prompt”, “completions”: […], “ranks”: […]}: rank 1 is the best, equal ranks are a tie."
          type="file"
          accept=".jsonl,.json,.ndjson"
          required
          onChange={(event) => setFile(event.target.files?.[0] ?? null)}
          error={error}
          className="py-1.5"
        />
        <SelectField
          label="As"
          hint="A file is read as a whole: when one line is wrong, nothing of it is kept."
          value={purpose}
          onChange={(event) => setPurpose(event.target.value === 'screening' ? 'screening' : 'gold')}
        >
          <option value="gold">gold, among the other tasks</option>
          <option value="screening">screening, before any other</option>
        </SelectField>
      </div>
      <div>
        <Button type="submit" tone="primary" disabled={file === null} busy={upload.isPending}>
          Upload known answers
        </Button>
      </div>
    </form>
  );
}
