'use client';

import { useQueries } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useProject } from '../../lib/project.tsx';
import { useTRPC } from '../../lib/trpc.ts';
import { Dialog } from './dialog.tsx';

export interface PaletteEntry {
  kind: string;
  name: string;
  href: string;
}

/** The chosen entry stays in sight while the arrows move it. */
const intoView = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' });

interface PaletteProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  pages: PaletteEntry[];
  /** Researchers and admins also find models, runs and dataset versions. */
  studio: boolean;
}

/** The entries that hold every word of what was typed, those whose name begins with it first. */
export function findEntries(entries: PaletteEntry[], typed: string): PaletteEntry[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const held = entries.filter((entry) => {
    const text = `${entry.kind} ${entry.name}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const first = words[0];
  if (first === undefined) return held.slice(0, 12);
  const begins = (entry: PaletteEntry) => (entry.name.toLowerCase().startsWith(first) ? 0 : 1);
  return held.sort((a, b) => begins(a) - begins(b)).slice(0, 12);
}

/** Finds any page, project, model, run or dataset version by its name. */
export default function Palette({ open, onOpenChange, pages, studio }: PaletteProps) {
  const trpc = useTRPC();
  const router = useRouter();
  const { project } = useProject();
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState(0);
  const found = useQueries({
    queries: [
      { ...trpc.projects.list.queryOptions(), enabled: open },
      { ...trpc.models.list.queryOptions({}), enabled: open && studio },
      { ...trpc.runs.list.queryOptions({}), enabled: open && studio },
      { ...trpc.rounds.list.queryOptions({}), enabled: open && studio },
      {
        ...trpc.datasets.list.queryOptions({ projectId: project?.id ?? '' }),
        enabled: open && studio && project !== null,
      },
    ],
  });
  const [projects, models, runs, rounds, datasets] = found;
  const entries: PaletteEntry[] = [
    ...pages,
    ...(projects.data ?? []).map((one) => ({
      kind: 'project',
      name: one.name,
      href: studio ? `/projects/${one.id}` : `/work?project=${one.id}`,
    })),
    ...(models.data ?? []).map((one) => ({ kind: 'model', name: one.name, href: `/models/${one.id}` })),
    ...(runs.data ?? []).map((one) => ({
      kind: 'run',
      name: one.name || one.stage,
      href: `/runs/${one.id}`,
    })),
    ...(rounds.data ?? []).map((one) => ({
      kind: 'round',
      name: one.name || `Round ${one.number}`,
      href: `/rounds/${one.id}`,
    })),
    ...(datasets.data ?? []).map((one) => ({ kind: 'dataset', name: one.name, href: `/datasets#${one.id}` })),
  ];
  const shown = findEntries(entries, typed);
  const current = Math.min(chosen, Math.max(0, shown.length - 1));

  function go(entry: PaletteEntry | undefined) {
    if (!entry) return;
    onOpenChange(false);
    setTyped('');
    router.push(entry.href);
  }

  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Find">
      <input
        role="combobox"
        aria-label="Find a page, project, model, run or dataset"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown.length > 0 ? `palette-${current}` : undefined}
        data-first-focus
        className="h-9 w-full rounded-one border border-edge bg-surface px-3 text-14"
        placeholder="Page, project, model, run, dataset"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setChosen(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setChosen(Math.min(current + 1, shown.length - 1));
          else if (event.key === 'ArrowUp') setChosen(Math.max(current - 1, 0));
          else if (event.key === 'Enter') go(shown[current]);
          else return;
          event.preventDefault();
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Found" className="-mx-2 flex flex-col">
        {shown.map((entry, index) => (
          <div
            key={`${entry.kind} ${entry.href}`}
            id={`palette-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === current}
            onClick={() => go(entry)}
            onKeyDown={(event) => event.key === 'Enter' && go(entry)}
            ref={index === current ? intoView : null}
            className={`flex cursor-pointer items-baseline gap-3 rounded-one px-2 py-1.5 ${index === current ? 'bg-sunken' : ''}`}
          >
            <span className="w-16 shrink-0 text-12 text-quiet">{entry.kind}</span>
            <span className="truncate">{entry.name}</span>
          </div>
        ))}
      </div>
      {shown.length === 0 && <p className="text-14 text-quiet">Nothing is called “{typed}”.</p>}
    </Dialog>
  );
}
