'use client';

import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useProject } from '../../lib/project.tsx';
import { useTRPC } from '../../lib/trpc.ts';
import { Button } from '../ui/button.tsx';

const TITLES = {
  warned: 'A word about your work here.',
  paused: 'Your work in this project is paused.',
  revoked: 'Your work in this project has ended.',
} as const;

/**
 * What an admin of the project has to say to whoever works here; a warning goes when it is read.
 * @param warningsOnly where the page itself says why there is no work
 */
export function StandingLine({ warningsOnly = false }: { warningsOnly?: boolean }) {
  const trpc = useTRPC();
  const { project } = useProject();
  const projectId = project?.id ?? '';
  const { data } = useQuery(
    trpc.quality.ownStanding.queryOptions({ projectId }, { enabled: project !== null, staleTime: 60_000 }),
  );
  const key = `touchstone-standing-${projectId}-${data?.since?.getTime() ?? 0}`;
  const [read, setRead] = useState<string | null>(null);
  useEffect(() => setRead(localStorage.getItem(key) === null ? null : key), [key]);
  if (!data || data.standing === 'good' || read === key) return null;
  if (warningsOnly && data.standing !== 'warned') return null;
  return (
    <section
      aria-label="About your work"
      className="flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-gold bg-gold-wash px-4 py-2"
    >
      <p className="min-w-0 flex-1 basis-72 break-words">
        <strong>{TITLES[data.standing]}</strong> <span dir="auto">{data.note}</span>
      </p>
      {data.standing === 'warned' && (
        <Button
          small
          onClick={() => {
            localStorage.setItem(key, 'read');
            setRead(key);
          }}
        >
          I have read it
        </Button>
      )}
    </section>
  );
}
