'use client';

import { useEffect, useRef } from 'react';
import { Button } from '../../../ui/button.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { CompletionText } from './completion-text.tsx';
import { mostQuestionsLeft, type Verdict } from './duel.ts';
import { Pane } from './ranking-card.tsx';
import type { RankingWork } from './use-ranking.ts';
import { useSyncedScroll } from './use-synced-scroll.ts';

interface DuelViewProps {
  work: RankingWork;
  text(id: string): string;
  /** Marks what each of the two has that the other has not. */
  differences: boolean;
  onLeave(): void;
}

/** Two completions at a time: which is better? The order beside it grows with the answers. */
export default function DuelView({ work, text, differences, onLeave }: DuelViewProps) {
  const { question, letter, order, ids, search } = work;
  const frame = useRef<HTMLElement>(null);
  const left = useRef<HTMLElement>(null);
  const right = useRef<HTMLElement>(null);
  const scroll = useSyncedScroll(left, right, question ? `${question.left} ${question.right}` : '');

  useEffect(() => {
    frame.current?.focus({ preventScroll: true });
    frame.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  const done = question === null;
  useEffect(() => {
    if (done) onLeave();
  }, [done, onLeave]);

  const answer = (verdict: Verdict) => () => question && work.answer(question, verdict);
  useKeys([
    { keys: 'ArrowLeft', label: 'The left one is better', run: answer('left') },
    { keys: 'ArrowRight', label: 'The right one is better', run: answer('right') },
    { keys: '=', label: 'They are equally good', run: answer('tie') },
    { keys: 'PageDown', label: 'Scroll both on', run: () => scroll(1) },
    { keys: 'PageUp', label: 'Scroll both back', run: () => scroll(-1) },
    { keys: 'Escape', label: 'Leave the duel; what was answered stays', run: onLeave },
  ]);
  if (question === null) return null;

  const most = mostQuestionsLeft(order, ids, search);
  const sides = [
    { id: question.left, other: question.right, pane: left, verdict: 'left' as const, arrow: '←' },
    { id: question.right, other: question.left, pane: right, verdict: 'right' as const, arrow: '→' },
  ];
  return (
    <section
      ref={frame}
      tabIndex={-1}
      aria-label="Duel"
      className="flex scroll-mt-32 scroll-mb-24 flex-col gap-3 outline-none"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2 className="text-17 font-strong">
          {letter(question.left)} or {letter(question.right)}: which is better?
        </h2>
        <p className="flex-1 text-12 text-quiet">
          {most === 1 ? 'The last question' : `${most} questions left at most`}
        </p>
        <Button small onClick={onLeave} shortcut="Esc">
          Leave the duel
        </Button>
      </div>
      <div className="grid gap-3 min-[44rem]:grid-cols-2">
        {sides.map(({ id, other, pane, verdict, arrow }) => (
          <div key={verdict} className="flex min-w-0 flex-col gap-3 rounded-one bg-surface p-4">
            <h3 className="text-17 font-strong">{letter(id)}</h3>
            <Pane name={`Text of completion ${letter(id)}`} pane={pane} text={text(id)}>
              <CompletionText text={text(id)} reference={differences ? text(other) : null} />
            </Pane>
            <Button className="mt-auto self-start" onClick={answer(verdict)} shortcut={arrow}>
              {letter(id)} is better
            </Button>
          </div>
        ))}
      </div>
      <Button className="self-center" onClick={answer('tie')} shortcut="=">
        Equally good
      </Button>
    </section>
  );
}
