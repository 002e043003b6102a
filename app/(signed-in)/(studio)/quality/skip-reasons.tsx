'use client';

import { useQuery } from '@tanstack/react-query';
import { SKIP_REASONS } from '@/server/labeling/vocabulary.ts';
import { BarFigure } from '../../../components/charts/bar-figure.tsx';
import { Section } from '../../../components/ui/page-frame.tsx';
import { Loaded } from '../../../components/ui/states.tsx';
import { count } from '../../../lib/format.ts';
import { useTRPC } from '../../../lib/trpc.ts';

const reasons: Record<string, string> = SKIP_REASONS;

/** Why tasks were skipped. */
export function SkipReasons({ projectId }: { projectId: string }) {
  const trpc = useTRPC();
  const progress = useQuery(trpc.projects.progress.queryOptions({ projectId }));
  return (
    <Section title="Skipped tasks">
      <Loaded query={progress} rows={3}>
        {({ skipReasons }) =>
          skipReasons.length === 0 ? (
            <p className="text-quiet">Nobody has skipped a task.</p>
          ) : (
            <BarFigure
              title="Why tasks were skipped"
              unit="times a person skipped"
              bars={[...skipReasons]
                .sort((a, b) => b.count - a.count)
                .map((row) => ({
                  label: reasons[row.reason] ?? row.reason,
                  value: row.count,
                  kind: 'people',
                }))}
              format={count}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
