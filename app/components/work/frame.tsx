'use client';

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ago, duration } from '../../lib/format.ts';
import { useNow } from '../../lib/use-now.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { keyName, useKeys } from '../ui/keys.tsx';
import { useKeyboardScroll } from '../ui/use-keyboard-scroll.ts';
import { GuidePane, type Sheet } from './guidelines/guide-pane.tsx';
import { NewsLine } from './guidelines/news-line.tsx';
import { useGuidelines } from './guidelines/use-guidelines.ts';
import type { Work } from './kinds/kind.ts';
import { Prompt } from './prompt.tsx';
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
  /** How this kind of work is done; Markdown that begins with its heading. */
  guide: string;
  /** Shows the guidelines beside the work where there is room for it. */
  guidelinesBeside?: boolean;
  children: ReactNode;
}

/** What every kind of work shares: heading, prompt, guidelines, the bar of actions. */
export function WorkFrame(props: WorkFrameProps) {
  const { title, work, activeSeconds, held, draft, submitVerb, canSubmit, missing, busy, onSubmit, onSkip } =
    props;
  const [open, setOpen] = useState(false);
  const [sheet, setSheet] = useState<Sheet>('guidelines');
  const guidelines = useGuidelines(work);
  const heading = useRef<HTMLHeadingElement>(null);
  const beside = useKeyboardScroll<HTMLElement>();
  const now = useNow(1000);
  const taskId = work.assignment.taskId;
  const { made, current, isNewer, unread } = guidelines;

  useEffect(() => {
    // A new task begins at its heading, for eyes and for readers.
    if (taskId) heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [taskId]);

  /** Shows a sheet of the pane: beside the work where it stands there, else over it. */
  function show(next: Sheet) {
    setSheet(next);
    const tab = beside.current?.querySelector<HTMLElement>('[role=tab][aria-selected=true]');
    if (tab && beside.current?.checkVisibility()) tab.focus();
    else setOpen(true);
  }

  useKeys([
    { keys: 'Mod+Enter', label: submitVerb, run: onSubmit },
    { keys: 's', label: 'Skip this task', run: onSkip },
    { keys: 'l', label: 'Look at earlier drafts', run: props.onEarlier },
    { keys: 'g', label: 'Read the guidelines', run: () => show('guidelines') },
    { keys: 'h', label: 'Read how this kind of work is done', run: () => show('how') },
    ...(unread
      ? [{ keys: 'Shift+g', label: 'Say that the guidelines are read', run: guidelines.gotIt }]
      : []),
  ]);

  const pane = (
    <GuidePane
      projectId={work.project.id}
      guidelines={guidelines}
      guide={props.guide}
      guideName={/^# (.+)/.exec(props.guide)?.[1] ?? 'How it is done'}
      sheet={sheet}
      onSheet={setSheet}
    />
  );

  return (
    <>
      <NewsLine guidelines={guidelines} onOpen={show} />
      <div className="mx-auto flex w-full max-w-7xl flex-wrap items-baseline gap-x-3 gap-y-1 px-4 pt-4 sm:px-6">
        <h1 ref={heading} tabIndex={-1} className="text-17 font-strong outline-none">
          {title}
        </h1>
        <p className="flex-1 text-12 text-quiet">
          {work.doneToday} today · {now === null ? '0 s' : duration(activeSeconds.current)} on this task
        </p>
        <Button small tone="quiet" onClick={() => show('guidelines')} shortcut="G">
          {made ? `Guidelines v${made.version}` : 'Guidelines'}
          {isNewer && current && ` · v${current.version} is out`}
        </Button>
      </div>
      {props.guidelinesBeside ? (
        <div className="mx-auto grid w-full max-w-7xl flex-1 xl:grid-cols-[minmax(0,1fr)_26rem]">
          <div className="flex min-w-0 flex-col">
            <Prompt work={work} />
            {props.children}
          </div>
          <aside
            ref={beside}
            aria-label="Guidelines beside the work"
            className="mt-4 mr-6 hidden max-h-[calc(100dvh-12rem)] self-start overflow-y-auto border-l pl-6 xl:sticky xl:top-16 xl:block"
          >
            {!open && pane}
          </aside>
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
          <Button small tone="quiet" onClick={props.onEarlier} shortcut="L">
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
        open={open}
        onOpenChange={setOpen}
        side
        title={made ? `Guidelines, version ${made.version}` : 'Guidelines'}
        description={work.project.name}
      >
        {pane}
      </Dialog>
    </>
  );
}
