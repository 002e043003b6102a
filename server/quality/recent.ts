import type { Database } from '@/db/client.ts';
import type { TaskPurpose } from '@/db/schema.ts';
import { measureQuality, type QualityReport } from './measure.ts';

/** A report is good for at least so long, and for so many times as long as it took to measure. */
const LEAST_MILLISECONDS = 3000;
const TIMES = 20;
/** Projects whose last report is kept. */
const MOST_KEPT = 50;

interface Kept {
  report: Promise<QualityReport>;
  /** Null while it is being measured. */
  until: number | null;
}

const kept = new Map<string, Kept>();

/**
 * A project's report, measured now or a moment ago: people who look at the same time share one measurement, and a large
 * project is not read anew at every click. Its `measuredAt` says when.
 */
export function recentQuality(
  db: Database,
  input: { projectId: string; purpose: TaskPurpose },
): Promise<QualityReport> {
  const key = `${input.projectId} ${input.purpose}`;
  const before = kept.get(key);
  if (before && (before.until === null || Date.now() < before.until)) return before.report;
  const began = Date.now();
  const made: Kept = { report: measureQuality(db, input), until: null };
  kept.delete(key);
  kept.set(key, made);
  for (const oldest of kept.keys()) if (kept.size > MOST_KEPT) kept.delete(oldest);
  made.report.then(
    () => {
      const now = Date.now();
      made.until = now + Math.max(LEAST_MILLISECONDS, TIMES * (now - began));
    },
    () => {
      // A failure is told to whoever waits, and not kept.
      if (kept.get(key) === made) kept.delete(key);
    },
  );
  return made.report;
}

/** What is known of a project is out of date: somebody's labels count, or count no more. */
export function forgetQuality(projectId: string): void {
  for (const key of kept.keys()) if (key.startsWith(projectId)) kept.delete(key);
}
