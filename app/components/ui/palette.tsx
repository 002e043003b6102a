'use client';

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useDeferredValue, useState } from 'react';
import { useProject } from '../../lib/project.tsx';
import { useTRPC } from '../../lib/trpc.ts';
import { Dialog } from './dialog.tsx';

export interface PaletteEntry {
  kind: string;
  name: string;
  href: string;
  /** The project that its page is about, where the address alone does not choose it. */
  projectId?: string;
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
  const { projects, choose } = useProject();
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState(0);
  const asked = useDeferredValue(typed.trim().slice(0, 200));
  const found = useQuery({
    ...trpc.find.byName.queryOptions({ typed: asked }),
    enabled: open && studio,
    placeholderData: keepPreviousData,
  });
  const entries: PaletteEntry[] = [
    ...pages,
    ...projects.map((one) => ({
      kind: 'project',
      name: one.name,
      href: studio ? `/projects/${one.id}` : '/work',
      projectId: one.id,
    })),
    ...(found.data ?? []).map(({ kind, id, name, projectId }) => ({
      kind,
      name,
      href: kind === 'dataset' ? `/datasets#${id}` : `/${kind}s/${id}`,
      ...(kind === 'dataset' && projectId !== null ? { projectId } : {}),
    })),
  ];
  const shown = findEntries(entries, typed);
  const current = Math.min(chosen, Math.max(0, shown.length - 1));

  function go(entry: PaletteEntry | undefined) {
    if (!entry) return;
    onOpenChange(false);
    setTyped('');
    if (entry.projectId) choose(entry.projectId);
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
            key={`${entry.kind} ${entry.href} ${entry.projectId ?? ''}`}
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
      {found.error ? (
        <p role="alert" className="text-14 text-red">
          Only pages and projects are found at the moment: the server did not answer.
        </p>
      ) : (
        shown.length === 0 &&
        !found.isFetching && <p className="text-14 break-words text-quiet">Nothing is called “{typed}”.</p>
      )}
    </Dialog>
  );
}
