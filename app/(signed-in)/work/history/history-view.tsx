'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useDeferredValue, useEffect, useRef, useState } from 'react';
import {
  ASSIGNMENT_STATES,
  type AssignmentState,
  TASK_KINDS,
  type TaskKind,
} from '@/server/labeling/vocabulary.ts';
import { Button, buttonClass } from '../../../components/ui/button.tsx';
import { SelectField, TextField } from '../../../components/ui/field.tsx';
import { useKeys } from '../../../components/ui/keys.tsx';
import { Page } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { useProject } from '../../../lib/project.tsx';
import { useTRPC, useTRPCClient } from '../../../lib/trpc.ts';
import { HistoryRow } from './history-row.tsx';

interface Filter {
  projectId: string;
  kind: TaskKind | '';
  state: AssignmentState | '';
  day: string;
}

const NONE: Filter = { projectId: '', kind: '', state: '', day: '' };
const KINDS: Record<TaskKind, string> = {
  demonstration: 'Demonstrations',
  ranking: 'Rankings',
  review: 'Reviews',
};
const STATES: Record<AssignmentState, string> = {
  active: 'In hand',
  submitted: 'Submitted',
  skipped: 'Skipped',
  expired: 'Expired, draft kept',
  late: 'Late',
};

/** A person's own work, newest first: by words, kind, state, project and day. */
export function HistoryView() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const { projects } = useProject();
  const list = useRef<HTMLUListElement>(null);
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState(NONE);
  const wanted = useDeferredValue(search.trim());
  const input = {
    limit: 30,
    ...(wanted === '' ? {} : { search: wanted }),
    ...(filter.projectId === '' ? {} : { projectId: filter.projectId }),
    ...(filter.kind === '' ? {} : { kind: filter.kind }),
    ...(filter.state === '' ? {} : { state: filter.state }),
    ...(filter.day === '' ? {} : { day: filter.day }),
  };
  const filtered = wanted !== '' || Object.values(filter).some((value) => value !== '');
  const history = useInfiniteQuery({
    queryKey: [...trpc.labeling.history.queryKey(input), 'pages'],
    queryFn: ({ pageParam }) =>
      client.labeling.history.query({ ...input, ...(pageParam === null ? {} : { before: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });

  /** Goes to the row above or below the one that has the focus; to the first when none has. */
  function step(by: 1 | -1) {
    const rows = [...(list.current?.querySelectorAll('a') ?? [])];
    const at = rows.findIndex((row) => row.matches(':focus'));
    rows[at === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
  }

  useKeys([
    {
      keys: '/',
      label: 'Go to the search',
      run: () => document.querySelector<HTMLInputElement>('input[type=search]')?.focus(),
    },
    { keys: 'ArrowDown', label: 'Next label (Enter opens it)', run: () => step(1) },
    { keys: 'ArrowUp', label: 'Label before', run: () => step(-1) },
  ]);

  const clear = () => {
    setSearch('');
    setFilter(NONE);
  };
  return (
    <Page
      title="History"
      lead="Everything you did, newest first. A label can be changed until it is frozen into a dataset. Days and times are UTC."
    >
      <search className="flex flex-wrap items-end gap-3">
        <div className="min-w-60 flex-1">
          <TextField
            label="Search your work"
            type="search"
            placeholder="Words in prompts, texts and notes"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'ArrowDown') {
                event.preventDefault();
                step(1);
              }
            }}
          />
        </div>
        <SelectField
          label="Kind"
          value={filter.kind}
          onChange={(event) =>
            setFilter({ ...filter, kind: TASK_KINDS.find((kind) => kind === event.target.value) ?? '' })
          }
        >
          <option value="">All kinds</option>
          {TASK_KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {KINDS[kind]}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="State"
          value={filter.state}
          onChange={(event) =>
            setFilter({
              ...filter,
              state: ASSIGNMENT_STATES.find((state) => state === event.target.value) ?? '',
            })
          }
        >
          <option value="">All states</option>
          {ASSIGNMENT_STATES.map((state) => (
            <option key={state} value={state}>
              {STATES[state]}
            </option>
          ))}
        </SelectField>
        {projects.length > 1 && (
          <SelectField
            label="Project"
            value={filter.projectId}
            onChange={(event) => setFilter({ ...filter, projectId: event.target.value })}
          >
            <option value="">All projects</option>
            {projects.map((project) => (
              <option key={project.id} value={project.id}>
                {project.name}
              </option>
            ))}
          </SelectField>
        )}
        <TextField
          label="Day (UTC)"
          type="date"
          value={filter.day}
          onChange={(event) => setFilter({ ...filter, day: event.target.value })}
        />
        {filtered && <Button onClick={clear}>Clear</Button>}
      </search>
      <Loaded query={history} rows={8}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (items.length === 0) {
            return filtered ? (
              <Empty title="Nothing of yours fits" action={<Button onClick={clear}>Show everything</Button>}>
                {wanted === ''
                  ? 'No work of yours has that kind, state and day.'
                  : `Nothing of yours holds “${wanted}” with that kind, state and day.`}
              </Empty>
            ) : (
              <Empty
                title="Nothing here yet"
                action={
                  <Link href="/work" className={buttonClass('primary')}>
                    Take the first task
                  </Link>
                }
              >
                Each demonstration, ranking and review that you submit or skip will be listed here.
              </Empty>
            );
          }
          return (
            <div className="flex flex-col gap-4">
              <ul ref={list} className="flex flex-col">
                {items.map((item) => (
                  <HistoryRow key={item.assignmentId} item={item} />
                ))}
              </ul>
              {history.hasNextPage && (
                <More busy={history.isFetchingNextPage} onMore={() => void history.fetchNextPage()} />
              )}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}

/** Brings the next page when it comes near, and is a button for whoever does not scroll. */
function More({ busy, onMore }: { busy: boolean; onMore(): void }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(onMore);
  useEffect(() => {
    latest.current = onMore;
  });
  useEffect(() => {
    const element = place.current;
    if (!element || busy) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) latest.current();
      },
      { rootMargin: '600px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [busy]);
  return (
    <div ref={place}>
      <Button busy={busy} onClick={onMore}>
        Show older
      </Button>
    </div>
  );
}
