import { performance } from 'node:perf_hooks';
import type { Database } from '@/db/client.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { takeNext } from '@/server/labeling/assign.ts';
import { saveDraft } from '@/server/labeling/drafts.ts';
import { submit } from '@/server/labeling/submit.ts';
import { processorSeconds } from './processor-time.ts';
import { quantiles } from './quantiles.ts';
import type { World } from './world.ts';

const SAMPLES = 2000;
const WARM_UP = 200;
/** Labelers at work at the same time. */
const AT_ONCE = 5;

export interface Latency {
  /** Milliseconds. */
  median: number;
  p99: number;
  samples: number;
  /** Processor milliseconds that Postgres spends on a whole cycle: taking, a draft, submitting. */
  postgres: number;
}

/**
 * How long the handing out of a task takes in the database, beside labelers who take, draft and submit without a pause.
 * Every labeler in turn; each finishes what they get, so that every call claims a task.
 * @param postgres the server's process id
 */
export async function measureNextTask(
  db: Database,
  { project, labelerIds }: World,
  postgres: number,
): Promise<Latency> {
  const times: number[] = [];
  let turns = 0;
  let spentBefore = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (turns < WARM_UP + SAMPLES) {
        const turn = turns++;
        if (turn === WARM_UP) spentBefore = processorSeconds(postgres);
        const labelerId = labelerIds[turn % labelerIds.length];
        if (labelerId === undefined) throw new Error('There is nobody to measure.');
        const milliseconds = await cycle(db, { project, labelerId });
        if (turn >= WARM_UP) times.push(milliseconds);
      }
    }),
  );
  return {
    ...quantiles(times),
    samples: times.length,
    postgres: (1000 * (processorSeconds(postgres) - spentBefore)) / times.length,
  };
}

/** @returns how long the taking took, in milliseconds */
async function cycle(
  db: Database,
  { project, labelerId }: { project: World['project']; labelerId: string },
): Promise<number> {
  const start = performance.now();
  const assignmentId = await takeNext(db, { labelerId, project, kind: 'demonstration' });
  const milliseconds = performance.now() - start;
  if (assignmentId === null) throw new Error('The queue ran dry before the measurement was over.');
  const content = {
    kind: 'demonstration' as const,
    text: 'Because the moon pulls.',
    prompt: null,
    checklist: [],
  };
  await saveDraft(db, { assignmentId, labelerId, revision: 0, content });
  await submit(db, { assignmentId, labelerId, idempotencyKey: uuidv7(), content });
  return milliseconds;
}
