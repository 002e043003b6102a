import { performance } from 'node:perf_hooks';
import { z } from 'zod';
import { uuidv7 } from '@/db/uuid.ts';
import { ProcedureClient } from '@/tests/support/procedure-client.ts';
import { sessionCookie } from '@/tests/support/session-cookie.ts';
import { processorSeconds } from './processor-time.ts';
import { quantiles } from './quantiles.ts';
import type { World } from './world.ts';

const WARM_UP_SECONDS = 5;
const MEASURED_SECONDS = 20;

const next = z.object({
  status: z.literal('work'),
  work: z.object({
    assignment: z.object({ id: z.uuid(), kind: z.enum(['demonstration', 'ranking']) }),
    completions: z.array(z.object({ id: z.uuid() })),
  }),
});
const submitted = z.object({ next });
type Handed = z.output<typeof next>;

export interface CycleFigures {
  perSecond: number;
  /** Cycles that were completed in the measured time. */
  cycles: number;
  /** Milliseconds from a request to its answer, as a labeler waits for it; by procedure. */
  waited: Record<string, { median: number; p99: number }>;
  /** Processor milliseconds that a cycle costs each. */
  cost: { web: number; postgres: number; labelers: number };
}

/**
 * Every labeler at once, over HTTP, takes a task, saves a draft and submits, without a pause. Every tenth asks for
 * rankings, the others take what comes.
 */
export async function measureCycles(
  world: World,
  options: { address: string; secret: string; web: number; postgres: number },
): Promise<CycleFigures> {
  const { address, secret } = options;
  let stopped = false;
  let cycles = 0;
  let waits = new Map<string, number[]>();
  const send = async (client: ProcedureClient, path: string, input: unknown): Promise<unknown> => {
    const start = performance.now();
    const outcome = await client.call(address, path, input);
    const list = waits.get(path);
    if (list) list.push(performance.now() - start);
    else waits.set(path, [performance.now() - start]);
    if (outcome.kind === 'answered') return outcome.value;
    throw new Error(
      `${path}: ${outcome.kind === 'refused' ? `${outcome.code}: ${outcome.message}` : outcome.why}`,
    );
  };
  const labelers = world.labelerIds.map(async (userId, index) => {
    const client = new ProcedureClient(await sessionCookie(userId, secret));
    const wanted = { projectId: world.project.id, ...(index % 10 === 0 ? { kind: 'ranking' } : {}) };
    try {
      // As the page does it: the answer to a submission brings the next task along.
      let { work } = next.parse(await send(client, 'labeling.next', wanted));
      while (!stopped) {
        const content = answerTo(work);
        const assignmentId = work.assignment.id;
        await send(client, 'labeling.saveDraft', { assignmentId, revision: 0, content });
        const submission = { assignmentId, idempotencyKey: uuidv7(), content, next: wanted };
        ({ work } = submitted.parse(await send(client, 'labeling.submit', submission)).next);
        cycles += 1;
      }
    } finally {
      client.close();
    }
  });
  const ended = Promise.all(labelers);
  await Promise.race([ended, seconds(WARM_UP_SECONDS)]);
  const before = { cycles, at: performance.now(), ...spent(options) };
  waits = new Map();
  await Promise.race([ended, seconds(MEASURED_SECONDS)]);
  const after = { cycles, at: performance.now(), ...spent(options) };
  stopped = true;
  await ended;
  const done = after.cycles - before.cycles;
  const perCycle = (used: number) => (1000 * used) / done;
  return {
    perSecond: (1000 * done) / (after.at - before.at),
    cycles: done,
    waited: Object.fromEntries([...waits].map(([path, times]) => [path, quantiles(times)])),
    cost: {
      web: perCycle(after.web - before.web),
      postgres: perCycle(after.postgres - before.postgres),
      labelers: perCycle(after.labelers - before.labelers),
    },
  };
}

function answerTo({ assignment, completions }: Handed['work']) {
  return assignment.kind === 'demonstration'
    ? { kind: 'demonstration', text: 'Because the moon pulls at the water, and the earth turns beneath it.' }
    : { kind: 'ranking', groups: completions.map(({ id }) => [id]), ratings: [] };
}

function spent({ web, postgres }: { web: number; postgres: number }) {
  const own = process.cpuUsage();
  return {
    web: processorSeconds(web),
    postgres: processorSeconds(postgres),
    labelers: (own.user + own.system) / 1e6,
  };
}

const seconds = (count: number) => new Promise((done) => setTimeout(done, 1000 * count));
