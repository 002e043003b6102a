'use client';

import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { useEffect, useRef, useState } from 'react';
import { dateTime, percent } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';
import { Button } from '../../../ui/button.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { useNotices } from '../../../ui/notices.tsx';
import { difference } from '../ranking/difference.ts';

type Earlier = NonNullable<Outputs['labeling']['earlierLikeThis']>;

/** Milliseconds without a key after which the text is looked up. */
const PAUSE_MS = 1200;

/**
 * Warns when a text nearly repeats an earlier demonstration of one's own: it looks whenever the typing pauses. It is a
 * warning: a text may be sent all the same.
 */
export function EarlierLikeThis({ assignmentId, text }: { assignmentId: string; text: string }) {
  const trpc = useTRPC();
  const { announce } = useNotices();
  const { mutateAsync } = useMutation(trpc.labeling.earlierLikeThis.mutationOptions());
  const ask = useRef({ mutateAsync, announce });
  const [found, setFound] = useState<Earlier | null>(null);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    let left = false;
    const timer = setTimeout(() => {
      ask.current.mutateAsync({ assignmentId, text }).then(
        (earlier) => {
          if (left) return;
          setFound(earlier);
          if (earlier)
            ask.current.announce('You wrote nearly the same before. A warning stands under your answer.');
        },
        // Not reached: there is no warning then, and the text is none the worse for it.
        () => undefined,
      );
    }, PAUSE_MS);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [assignmentId, text]);

  useKeys(
    found
      ? [{ keys: 'c', label: 'Compare with what you wrote before', run: () => setOpen((shown) => !shown) }]
      : [],
  );

  if (!found) return null;
  return (
    <section
      aria-label="Nearly the same as an earlier text of yours"
      className="flex max-w-[40.6rem] flex-col gap-2 rounded-one border border-edge bg-surface p-4"
    >
      <p>
        <strong>You wrote nearly the same before.</strong>{' '}
        <span className="text-quiet">
          {percent(found.similarity)} of it stands in your demonstration of {dateTime(found.submittedAt)} UTC.
          You may send it all the same.
        </span>
      </p>
      <div className="flex flex-wrap gap-2">
        <Button small aria-expanded={open} onClick={() => setOpen(!open)} shortcut="C">
          {open ? 'Hide the comparison' : 'Compare them'}
        </Button>
        <Link
          href={`/work/history/${found.assignmentId}`}
          target="_blank"
          className="inline-flex items-center text-12 underline underline-offset-4"
        >
          Open the earlier one in a new tab
        </Link>
      </div>
      {open && <Compared text={found.text} reference={text} />}
    </section>
  );
}

/** The earlier text, with what stands in the new one marked. */
function Compared({ text, reference }: { text: string; reference: string }) {
  let at = 0;
  return (
    <div className="flex flex-col gap-1">
      <p className="text-12 text-quiet">The earlier text; what is underlined stands in the new one too.</p>
      <p dir="auto" className="reading max-h-80 overflow-y-auto break-words whitespace-pre-wrap">
        {difference(text, reference).map((stretch) => {
          const key = at;
          at += stretch.text.length;
          return stretch.same ? (
            <mark
              key={key}
              className="bg-transparent text-ink underline decoration-gold decoration-2 underline-offset-4"
            >
              {stretch.text}
            </mark>
          ) : (
            <span key={key} className="text-quiet">
              {stretch.text}
            </span>
          );
        })}
      </p>
    </div>
  );
}
