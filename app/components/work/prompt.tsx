'use client';

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { useKeys } from '../ui/keys.tsx';
import { Conversation, ReadingText } from '../ui/reading-text.tsx';
import { useKeyboardScroll } from '../ui/use-keyboard-scroll.ts';
import type { Work } from './kinds/kind.ts';

/** Turns of a conversation that are shown at once, the last ones; and the characters from which a prompt is folded. */
const TURNS_SHOWN = 4;
const LONG = 4000;

/** The prompt, folded when it is long; once it has scrolled away, its first two lines stay under the bar. */
export function Prompt({ work }: { work: Work }) {
  const [away, setAway] = useState(false);
  const [whole, setWhole] = useState(false);
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = section.current;
    if (!element) return;
    const observer = new IntersectionObserver(([entry]) => setAway(entry?.isIntersecting === false), {
      rootMargin: '-56px 0px 0px 0px',
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const messages = work.prompt?.messages ?? [];
  const instruction = work.brief?.instruction ?? '';
  const last = messages.at(-1)?.content ?? instruction;
  const older = Math.max(0, messages.length - TURNS_SHOWN);
  const shown = messages.slice(-TURNS_SHOWN);
  const isLong = shown.reduce((sum, { content }) => sum + content.length, instruction.length) > LONG;
  const folds = older > 0 || isLong;
  const verb = whole
    ? 'Fold the prompt'
    : older > 0
      ? `Show ${older} earlier turns`
      : 'Show the whole prompt';
  const toggle = () => setWhole(!whole);

  useKeys(folds ? [{ keys: 't', label: 'Show the whole prompt, or fold it', run: toggle }] : []);

  return (
    <>
      <section ref={section} aria-label="Prompt" className="mx-auto w-full max-w-7xl px-4 py-4 sm:px-6">
        <div className="flex flex-wrap items-center gap-3 pb-1">
          <h2 className="text-12 font-strong tracking-wide text-quiet">
            {work.brief ? 'WHAT TO WRITE' : 'PROMPT'}
          </h2>
          {folds && (
            <Button small tone="quiet" aria-expanded={whole} onClick={toggle} shortcut="T">
              {verb}
            </Button>
          )}
        </div>
        <Fold closed={isLong && !whole}>
          {work.prompt ? (
            <Conversation messages={whole ? messages : shown} />
          ) : (
            <ReadingText text={instruction} />
          )}
        </Fold>
      </section>
      {away && (
        <div aria-hidden="true" className="fixed inset-x-0 top-12 z-20 border-b bg-surface">
          <div className="mx-auto w-full max-w-7xl px-4 py-2 sm:px-6">
            <p dir="auto" className="reading line-clamp-2">
              {last}
            </p>
          </div>
        </div>
      )}
    </>
  );
}

/** Closed, a box of a third of the window that scrolls by itself; nothing in it is out of reach. */
function Fold({ closed, children }: { closed: boolean; children: ReactNode }) {
  const box = useKeyboardScroll<HTMLElement>();
  return (
    <section
      ref={box}
      aria-label="Text of the prompt"
      className={closed ? 'max-h-[max(12rem,34dvh)] max-w-[66ch] overflow-y-auto border-b pr-3' : ''}
    >
      {children}
    </section>
  );
}
