import { eq, sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { jobs } from '@/db/schema.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import {
  type Claim,
  claimJob,
  endJob,
  enqueueJob,
  fenced,
  giveBackJob,
  giveUpJobs,
  LeaseLostError,
  noteProgress,
  renewLease,
} from './jobs.ts';

const { db } = await openTestDatabase();

const claim = (worker: string, leaseSeconds = 60) => claimJob(db, { worker, leaseSeconds });
const expire = (id: string) =>
  db.update(jobs).set({ leaseUntil: sql`now() - interval '1 second'` }).where(eq(jobs.id, id));
const jobOf = async (id: string) => {
  const [job] = await db.select().from(jobs).where(eq(jobs.id, id));
  return job;
};
async function claimed(worker: string): Promise<Claim> {
  const found = await claim(worker);
  if (!found) throw new Error('nothing to claim');
  return found;
}
const finish = (held: Claim) =>
  fenced(db, held, (tx) => endJob(tx, held, { state: 'completed', result: { by: 'test' } }));

test('30 workers that claim at once get 20 jobs, each one worker; higher priorities and older jobs first', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) ids.push(await enqueueJob(db, { kind: 'run', payload: { i } }));
  const urgent = await enqueueJob(db, { kind: 'run', payload: {}, priority: 5 });
  const first = await claimed('first');
  expect(first.id).toBe(urgent);
  const second = await claimed('second');
  expect(second.id).toBe(ids[0]);
  const rest = await Promise.all(Array.from({ length: 30 }, (_, i) => claim(`worker ${i}`)));
  const got = rest.flatMap((one) => (one ? [one.id] : []));
  expect(got.sort()).toEqual(ids.slice(1).sort());
  expect(await claim('late')).toBeNull();
  for (const held of [first, second, ...rest]) if (held) await finish(held);
  expect(await jobOf(urgent)).toMatchObject({ state: 'completed', result: { by: 'test' }, leaseUntil: null });
});

test('a worker whose lease ran out and was taken over can write nothing more', async () => {
  const id = await enqueueJob(db, { kind: 'run', payload: {} });
  const dead = await claimed('dead');
  expect(await claim('eager')).toBeNull();
  await expire(id);
  const heir = await claimed('heir');
  expect(heir).toMatchObject({ id, fence: dead.fence + 1, attempts: 2 });
  expect(await renewLease(db, dead, 60)).toBe(false);
  await expect(finish(dead)).rejects.toThrow(LeaseLostError);
  await expect(fenced(db, dead, (tx) => noteProgress(tx, dead, 9))).rejects.toThrow(LeaseLostError);
  expect((await jobOf(id))?.progress).toBeNull();
  expect(await renewLease(db, heir, 60)).toBe(true);
  await finish(heir);
  await expect(finish(heir)).rejects.toThrow(LeaseLostError);
});

test('a lease that ran out while nobody else came is renewed: an absent database costs no run', async () => {
  const id = await enqueueJob(db, { kind: 'run', payload: {} });
  const held = await claimed('slow');
  await expire(id);
  expect(await renewLease(db, held, 60)).toBe(true);
  expect(await claim('other')).toBeNull();
  await finish(held);
});

test('of many workers, exactly one takes over an expired lease', async () => {
  const id = await enqueueJob(db, { kind: 'run', payload: {} });
  await claimed('dead');
  await expire(id);
  const heirs = await Promise.all(Array.from({ length: 12 }, (_, i) => claim(`heir ${i}`)));
  const got = heirs.filter((heir) => heir !== null);
  expect(got).toHaveLength(1);
  for (const heir of got) await finish(heir);
});

test('a job given back is free at once and counts as no failed attempt', async () => {
  const id = await enqueueJob(db, { kind: 'run', payload: {} });
  const held = await claimed('polite');
  await fenced(db, held, (tx) => giveBackJob(tx, held));
  expect(await jobOf(id)).toMatchObject({ state: 'queued', attempts: 0, worker: null });
  await finish(await claimed('next'));
});

test('a job on which five workers died is given up; one that gets further each time is not', async () => {
  const id = await enqueueJob(db, { kind: 'run', payload: {} });
  for (let death = 1; death <= 4; death++) {
    expect(await claimed('doomed')).toMatchObject({ attempts: death });
    await expire(id);
  }
  const fifth = await claimed('doomed');
  await fenced(db, fifth, (tx) => noteProgress(tx, fifth, 10));
  await expire(id);
  const sixth = await claimed('doomed');
  expect(sixth.attempts).toBe(2);
  await fenced(db, sixth, (tx) => noteProgress(tx, sixth, 7));
  expect((await jobOf(id))?.attempts).toBe(2);
  for (let death = 3; death <= 5; death++) {
    await expire(id);
    expect((await claimed('doomed')).attempts).toBe(death);
  }
  await expire(id);
  expect(await claim('nobody')).toBeNull();
  expect((await giveUpJobs(db)).map((job) => job.id)).toEqual([id]);
  expect(await jobOf(id)).toMatchObject({ state: 'failed' });
});
