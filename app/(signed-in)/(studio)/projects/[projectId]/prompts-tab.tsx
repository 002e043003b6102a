'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useDeferredValue, useState } from 'react';
import { Button, buttonClass } from '../../../../components/ui/button.tsx';
import { Chip } from '../../../../components/ui/chip.tsx';
import { TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Empty, Loaded } from '../../../../components/ui/states.tsx';
import { Table } from '../../../../components/ui/table.tsx';
import { count } from '../../../../lib/format.ts';
import { useTRPC } from '../../../../lib/trpc.ts';
import { BriefDialog } from './brief-dialog.tsx';

/** The project's prompts, a page at a time, and the way to ask for demonstrations of them. */
export function PromptsTab({ projectId, canQueue }: { projectId: string; canQueue: boolean }) {
  const trpc = useTRPC();
  const [search, setSearch] = useState('');
  const [pages, setPages] = useState<string[]>([]);
  const [briefing, setBriefing] = useState(false);
  const wanted = useDeferredValue(search.trim());
  const before = pages.at(-1);
  const prompts = useQuery(
    trpc.projects.prompts.queryOptions({
      projectId,
      limit: 50,
      ...(wanted === '' ? {} : { search: wanted }),
      ...(before === undefined ? {} : { before }),
    }),
  );
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-end gap-4">
        <div className="min-w-60 flex-1">
          <TextField
            label="Search prompts"
            type="search"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setPages([]);
            }}
          />
        </div>
        {canQueue && <QueueDemonstrations projectId={projectId} />}
        {canQueue && <Button onClick={() => setBriefing(true)}>Have prompts written</Button>}
      </div>
      {briefing && <BriefDialog projectId={projectId} onClose={() => setBriefing(false)} />}
      <Loaded query={prompts} rows={8}>
        {({ items, next, total }) =>
          total === 0 ? (
            wanted === '' ? (
              <Empty
                title="No prompts yet"
                action={
                  <Link href="/datasets" className={buttonClass('primary')}>
                    Import prompts
                  </Link>
                }
              >
                Prompts come from a file of JSON lines, or with Open-Assistant trees.
              </Empty>
            ) : (
              <p className="text-quiet">No prompt holds “{wanted}”.</p>
            )
          ) : (
            <>
              <Table
                caption={`${count(total)} prompts`}
                showCaption
                rows={items}
                rowKey={(prompt) => prompt.id}
                columns={[
                  {
                    head: 'Prompt',
                    cell: (prompt) => (
                      <p dir="auto" className="line-clamp-3 max-w-[60ch] font-serif text-17 break-words">
                        {prompt.messages.at(-1)?.content}
                      </p>
                    ),
                  },
                  { head: 'Turns', numeric: true, cell: (prompt) => prompt.messages.length },
                  { head: 'Split', cell: (prompt) => <Chip>{prompt.split}</Chip> },
                  { head: 'Completions', numeric: true, cell: (prompt) => count(prompt.completions) },
                  { head: 'Tasks', numeric: true, cell: (prompt) => count(prompt.tasks) },
                  {
                    head: 'Source',
                    cell: (prompt) => (
                      <span className="block max-w-40 truncate text-12 text-quiet">{prompt.source}</span>
                    ),
                  },
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

function QueueDemonstrations({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const create = useMutation(trpc.projects.createDemonstrationTasks.mutationOptions());
  const [wanted, setWanted] = useState('20');
  return (
    <form
      className="flex items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          { projectId, count: Number(wanted) },
          {
            onSuccess: async ({ created }) => {
              await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
              notify({
                tone: created > 0 ? 'green' : 'plain',
                text:
                  created > 0
                    ? `${count(created)} tasks queued.`
                    : 'Every training prompt has its task already.',
              });
            },
          },
        );
      }}
    >
      <div className="w-40">
        <TextField
          label="Demonstration tasks"
          type="number"
          min={1}
          max={100000}
          required
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
          error={create.error?.message}
        />
      </div>
      <Button type="submit" busy={create.isPending}>
        Queue
      </Button>
    </form>
  );
}
