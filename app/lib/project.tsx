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
  /** The list itself, for its states: see Loaded and LoadedPage. */
  query: { data: ProjectSummary[] | undefined; error: unknown; isPending: boolean; refetch(): unknown };
  choose(id: string): void;
}

const Context = createContext<ProjectChoice | null>(null);
const STORAGE_KEY = 'touchstone-project';

/** Which project the pages are about: the one of the address, else the last one chosen, else the first. */
export function ProjectProvider({ children }: { children: ReactNode }) {
  const trpc = useTRPC();
  const { data, isPending, error, refetch } = useQuery(trpc.projects.list.queryOptions());
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
      query: { data, isPending, error, refetch },
      choose(id) {
        localStorage.setItem(STORAGE_KEY, id);
        setChosen(id);
      },
    };
  }, [data, isPending, error, refetch, chosen]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** The chosen project and the way to choose another. */
export function useProject(): ProjectChoice {
  const choice = useContext(Context);
  if (!choice) throw new Error('useProject needs a ProjectProvider above it.');
  return choice;
}
