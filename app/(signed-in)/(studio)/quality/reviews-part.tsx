'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { whyInReview } from '@/server/labeling/kinds/review/vocabulary.ts';
import { Button } from '../../../components/ui/button.tsx';
import { CheckField } from '../../../components/ui/field.tsx';
import { useNotices } from '../../../components/ui/notices.tsx';
import { Section } from '../../../components/ui/page-frame.tsx';
import { Loaded } from '../../../components/ui/states.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { count, dateTime } from '../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';

type Review = Outputs['reviews']['queue']['items'][number];

const SHOWN = 20;
const STATES: Record<Review['state'], string> = {
  waiting: '○ waiting',
  'under way': '◐ under way',
  done: '✓ done',
};

/** What is in review and why; and the way to look through everything labelled again. */
export function ReviewsPart({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const [open, setOpen] = useState(true);
  const [limit, setLimit] = useState(SHOWN);
  const queue = useQuery(trpc.reviews.queue.queryOptions({ projectId, open, limit }));
  const sweep = useMutation(trpc.reviews.sweep.mutationOptions());

  function look() {
    sweep.mutate(
      { projectId },
      {
        onSuccess: async ({ made }) => {
          notify({
            tone: 'green',
            text: made === 0 ? 'Nothing more needs review.' : `${count(made)} more put in review.`,
          });
          await client.invalidateQueries({ queryKey: trpc.reviews.pathKey() });
        },
        onError: (error) => notify({ tone: 'red', text: error.message }),
      },
    );
  }

  return (
    <Section
      title="Review queue"
      actions={
        <>
          <CheckField label="Open only" checked={open} onChange={(event) => setOpen(event.target.checked)} />
          <Button small busy={sweep.isPending} onClick={look}>
            Look through all labels
          </Button>
        </>
      }
    >
      <Loaded query={queue}>
        {({ items, next }) =>
          items.length === 0 ? (
            <p className="max-w-prose text-quiet">
              {open ? 'Nothing waits for review.' : 'Nothing has been in review.'} Labels come here by the
              rules in the project’s settings, or when somebody asks for it on a labeler’s page.
            </p>
          ) : (
            <>
              <Table
                caption="Labels in review, newest first"
                rows={items}
                rowKey={(review) => review.taskId}
                columns={[
                  {
                    head: 'Prompt',
                    cell: (review) => (
                      <div className="max-w-96 min-w-48">
                        <p dir="auto" className="line-clamp-2 break-words">
                          {review.prompt}
                        </p>
                        <p className="text-12 text-quiet">
                          {review.subjectKind} · {dateTime(review.createdAt)}
                        </p>
                      </div>
                    ),
                  },
                  {
                    head: 'Why',
                    cell: (review) => (
                      <span className="block max-w-80 min-w-40 break-words">
                        {whyInReview(review.reason, review.finding, (id) =>
                          id === review.finding?.preferred ? 'one completion' : 'another',
                        )}
                        {review.finding?.note && <span dir="auto"> “{review.finding.note}”</span>}
                      </span>
                    ),
                  },
                  {
                    head: 'State',
                    cell: (review) => <span className="whitespace-nowrap">{STATES[review.state]}</span>,
                  },
                  {
                    head: 'Reviews',
                    numeric: true,
                    cell: (review) => `${review.reviews} of ${review.wanted}`,
                  },
                  { head: 'Accepted', numeric: true, cell: (review) => review.accepted },
                  { head: 'Rejected', numeric: true, cell: (review) => review.rejected },
                  { head: 'Own answers', numeric: true, cell: (review) => review.answers },
                ]}
              />
              {next !== null && limit < 200 && (
                <div>
                  <Button onClick={() => setLimit(Math.min(200, limit + 60))}>Show older reviews</Button>
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </Section>
  );
}
