'use client';

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ago, duration } from '../../lib/format.ts';
import { useNow } from '../../lib/use-now.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { keyName, useKeys } from '../ui/keys.tsx';
import { Conversation, ReadingText } from '../ui/reading-text.tsx';
import { useKeyboardScroll } from '../ui/use-keyboard-scroll.ts';
import type { Work } from './kinds/kind.ts';
import type { DraftHandle } from './use-draft.ts';

interface WorkFrameProps {
  title: string;
  work: Work;
  activeSeconds: { current: number };
  /** False once the lease is lost. */
  held: boolean;
  draft: Pick<DraftHandle<never>, 'savedAt'>;
  submitVerb: string;
  canSubmit: boolean;
  /** Why it cannot be submitted yet. */
  missing: string;
  busy: boolean;
  onSubmit(): void;
  onSkip(): void;
  onEarlier(): void;
  /** Why what is typed is not on the server, when it is not. */
  trouble: ReactNode;
  /** Shows the guidelines beside the work where there is room for it. */
  guidelinesBeside?: boolean;
  children: ReactNode;
}

/** What demonstration and ranking share: heading, prompt, guidelines, the bar of actions. */
export function WorkFrame(props: WorkFrameProps) {
  const { title, work, activeSeconds, held, draft, submitVerb, canSubmit, missing, busy, onSubmit, onSkip } =
    props;
  const [guidelines, setGuidelines] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const now = useNow(1000);
  const taskId = work.assignment.taskId;

  useEffect(() => {
    // A new task begins at its heading, for eyes and for readers.
    if (taskId) heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [taskId]);

  useKeys([
    { keys: 'Mod+Enter', label: submitVerb, run: onSubmit },
    { keys: 's', label: 'Skip this task', run: onSkip },
    { keys: 'g', label: 'Read the guidelines', run: () => setGuidelines(true) },
  ]);

  return (
    <>
      <div className="mx-auto flex w-full max-w-7xl flex-wrap items-baseline gap-x-3 gap-y-1 px-4 pt-4 sm:px-6">
        <h1 ref={heading} tabIndex={-1} className="text-17 font-strong outline-none">
          {title}
        </h1>
        <p className="flex-1 text-12 text-quiet">
          {work.doneToday} today · {now === null ? '0 s' : duration(activeSeconds.current)} on this task
        </p>
        <Button small tone="quiet" onClick={() => setGuidelines(true)} shortcut="G">
          {work.guideline ? `Guidelines v${work.guideline.version}` : 'Guidelines'}
        </Button>
      </div>
      {props.guidelinesBeside && work.guideline ? (
        <div className="mx-auto grid w-full max-w-7xl flex-1 xl:grid-cols-[minmax(0,1fr)_26rem]">
          <div className="flex min-w-0 flex-col">
            <Prompt work={work} />
            {props.children}
          </div>
          <GuidelinesBeside guideline={work.guideline} />
        </div>
      ) : (
        <>
          <Prompt work={work} />
          {props.children}
        </>
      )}
      <footer className="sticky bottom-0 z-20 mt-auto border-t bg-surface">
        <div className="mx-auto w-full max-w-7xl px-4 pt-2 empty:hidden sm:px-6">{props.trouble}</div>
        <div className="mx-auto flex w-full max-w-7xl flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 sm:px-6">
          <Button onClick={onSkip} shortcut="S">
            Skip
          </Button>
          <p className="min-w-0 flex-1 text-12 text-quiet">
            {!held && (
              <strong className="text-red">
                Your hold on this task ran out. Your text is kept; submit it and it still counts if it is
                wanted.{' '}
              </strong>
            )}
            {draft.savedAt && now !== null
              ? `Draft saved ${ago(draft.savedAt, now)}.`
              : 'What you do is saved as you go.'}{' '}
            {!canSubmit && missing}
          </p>
          <Button small tone="quiet" onClick={props.onEarlier} shortcut="H">
            Earlier drafts
          </Button>
          <Button
            tone="primary"
            onClick={onSubmit}
            disabled={!canSubmit}
            busy={busy}
            shortcut={keyName('Mod+Enter')}
          >
            {submitVerb}
          </Button>
        </div>
      </footer>
      <Dialog
        open={guidelines}
        onOpenChange={setGuidelines}
        side
        title={work.guideline ? `Guidelines, version ${work.guideline.version}` : 'Guidelines'}
        description={work.project.name}
      >
        {work.guideline ? (
          <ReadingText text={work.guideline.markdown} />
        ) : (
          <p className="text-quiet">This project has no written guidelines yet. An admin can publish them.</p>
        )}
      </Dialog>
    </>
  );
}

/** The prompt; once it has scrolled away, its first two lines stay under the bar. */
function Prompt({ work }: { work: Work }) {
  const [away, setAway] = useState(false);
  const whole = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = whole.current;
    if (!element) return;
    const observer = new IntersectionObserver(([entry]) => setAway(entry?.isIntersecting === false), {
      rootMargin: '-56px 0px 0px 0px',
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const last = work.prompt?.messages.at(-1)?.content ?? work.brief?.instruction ?? '';
  return (
    <>
      <section ref={whole} aria-label="Prompt" className="mx-auto w-full max-w-7xl px-4 py-4 sm:px-6">
        <h2 className="pb-1 text-12 font-strong tracking-wide text-quiet">
          {work.brief ? 'WHAT TO WRITE' : 'PROMPT'}
        </h2>
        {work.prompt ? (
          <Conversation messages={work.prompt.messages} />
        ) : (
          <ReadingText text={work.brief?.instruction ?? ''} />
        )}
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

function GuidelinesBeside({ guideline }: { guideline: NonNullable<Work['guideline']> }) {
  const ref = useKeyboardScroll<HTMLElement>();
  return (
    <aside
      ref={ref}
      aria-label="Guidelines beside the work"
      className="mt-4 mr-6 hidden max-h-[calc(100dvh-12rem)] self-start overflow-y-auto border-l pl-6 xl:sticky xl:top-16 xl:block"
    >
      <h2 className="pb-1 text-12 font-strong tracking-wide text-quiet">
        GUIDELINES, VERSION {guideline.version}
      </h2>
      <ReadingText text={guideline.markdown} />
    </aside>
  );
}
