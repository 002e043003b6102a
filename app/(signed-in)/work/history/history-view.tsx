'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useDeferredValue, useState } from 'react';
import { SKIP_REASONS } from '@/server/labeling/vocabulary.ts';
import { Button, buttonClass } from '../../../components/ui/button.tsx';
import { Chip, StatusChip } from '../../../components/ui/chip.tsx';
import { TextField } from '../../../components/ui/field.tsx';
import { Page } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { dateTime, duration } from '../../../lib/format.ts';
import { useTRPC, useTRPCClient } from '../../../lib/trpc.ts';

const reasons: Record<string, string> = SKIP_REASONS;

/** A person's own work, newest first, with a search over prompts and texts. */
export function HistoryView() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const [search, setSearch] = useState('');
  const wanted = useDeferredValue(search.trim());
  const input = { limit: 30, ...(wanted === '' ? {} : { search: wanted }) };
  const history = useInfiniteQuery({
    queryKey: [...trpc.labeling.history.queryKey(input), 'pages'],
    queryFn: ({ pageParam }) =>
      client.labeling.history.query({ ...input, ...(pageParam === null ? {} : { before: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  return (
    <Page
      title="History"
      lead="Everything you did, newest first. A label can be changed until it is frozen into a dataset."
    >
      <TextField
        label="Search your work"
        hiddenLabel
        type="search"
        placeholder="Search prompts and texts"
        value={search}
        onChange={(event) => setSearch(event.target.value)}
        className="max-w-md"
      />
      <Loaded query={history} rows={8}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (items.length === 0) {
            return wanted === '' ? (
              <Empty
                title="Nothing here yet"
                action={
                  <Link href="/work" className={buttonClass('primary')}>
                    Take the first task
                  </Link>
                }
              >
                Each demonstration and ranking you submit or skip will be listed here.
              </Empty>
            ) : (
              <p className="text-quiet">Nothing of yours holds “{wanted}”.</p>
            );
          }
          return (
            <div className="flex flex-col gap-4">
              <ul className="flex flex-col">
                {items.map((item) => (
                  <li key={item.assignmentId} className="border-b py-3">
                    <Link
                      href={`/work/history/${item.assignmentId}`}
                      className="flex flex-col gap-1 rounded-one px-2 py-1 hover:bg-sunken"
                    >
                      <span className="flex flex-wrap items-center gap-2 text-12 text-quiet">
                        <StatusChip status={item.state} />
                        <Chip>{item.kind}</Chip>
                        {item.version !== null && item.version > 1 && <span>version {item.version}</span>}
                        <span>{item.projectName}</span>
                        <span className="figures">{dateTime(item.endedAt ?? item.handedOutAt)}</span>
                        {item.activeSeconds > 0 && <span>{duration(item.activeSeconds)}</span>}
                        {item.skipReason !== null && (
                          <span>{reasons[item.skipReason] ?? item.skipReason}</span>
                        )}
                      </span>
                      <span dir="auto" className="line-clamp-2 font-serif text-17 break-words">
                        {item.prompt}
                      </span>
                      {item.text !== '' && (
                        <span dir="auto" className="line-clamp-2 font-serif text-quiet break-words">
                          {item.text}
                        </span>
                      )}
                    </Link>
                  </li>
                ))}
              </ul>
              {history.hasNextPage && (
                <Button busy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
                  Show older
                </Button>
              )}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}
