'use client';

import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { type Outputs, useTRPC } from './trpc.ts';

export type ProjectSummary = Outputs['projects']['list'][number];

interface ProjectChoice {
  /** The chosen project; null while loading and when the person has none. */
  project: ProjectSummary | null;
  projects: ProjectSummary[];
  loading: boolean;
  choose(id: string): void;
}

const Context = createContext<ProjectChoice | null>(null);
const STORAGE_KEY = 'touchstone-project';

/** Which project the pages are about: the one of the address, else the last one chosen, else the first. */
export function ProjectProvider({ children }: { children: ReactNode }) {
  const trpc = useTRPC();
  const { data, isPending } = useQuery(trpc.projects.list.queryOptions());
  const [chosen, setChosen] = useState<string | null>(null);
  useEffect(() => {
    const asked = new URLSearchParams(window.location.search).get('project');
    setChosen(asked ?? localStorage.getItem(STORAGE_KEY));
  }, []);
  const value = useMemo<ProjectChoice>(() => {
    const projects = data ?? [];
    const active = projects.filter((project) => project.state === 'active');
    return {
      project: projects.find((project) => project.id === chosen) ?? active[0] ?? projects[0] ?? null,
      projects,
      loading: isPending,
      choose(id) {
        localStorage.setItem(STORAGE_KEY, id);
        setChosen(id);
      },
    };
  }, [data, isPending, chosen]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** The chosen project and the way to choose another. */
export function useProject(): ProjectChoice {
  const choice = useContext(Context);
  if (!choice) throw new Error('useProject needs a ProjectProvider above it.');
  return choice;
}
