/**
 * The worker: `npm run worker`, or started by `npm start` and the demo. Any number of them, on any machines that reach the
 * database and the folder TOUCHSTONE_HOME.
 */
import { openDevice } from '@touchstone/trainer/engine/device.ts';
import { openDatabase } from '@/db/client.ts';
import { readEnv, requireDatabaseUrl } from '../env.ts';
import { AppError } from '../errors.ts';
import { doEvaluation } from './evaluation-job.ts';
import { startLeaseKeeper } from './lease.ts';
import { doRun } from './run-job.ts';
import { doSampling } from './sampling-job.ts';
import { runWorker } from './worker.ts';

const GIVE_BACK_MILLISECONDS = 15_000;

async function main(): Promise<void> {
  const env = readEnv();
  const databaseUrl = requireDatabaseUrl(env);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  // Whoever started it as a child is gone: stop as when asked to.
  if (process.env.WATCHED_PARENT !== undefined) {
    process.on('disconnect', () => {
      stopping.abort();
      // The database may be gone with it: what cannot be given back is taken over when its lease runs out.
      setTimeout(() => process.exit(1), GIVE_BACK_MILLISECONDS).unref();
    });
    process.channel?.unref();
    // It may have gone while this was being loaded, and the event with it.
    if (!process.connected) return;
  }
  const log = (line: string) => console.log(line);
  const device = await openDevice(env.device, env.threads === undefined ? {} : { threads: env.threads });
  const { db, close } = openDatabase(databaseUrl, { connections: 4 });
  const lease = startLeaseKeeper({
    databaseUrl,
    leaseSeconds: env.jobLeaseSeconds,
    heartbeatSeconds: env.jobLeaseSeconds / 4,
  });
  log(`Worker ${process.pid} is ready: ${device.name} (${device.description}, ${device.threads} threads).`);
  await runWorker({
    db,
    home: env.home,
    handlers: { run: doRun, sampling: doSampling, evaluation: doEvaluation },
    lease,
    leaseSeconds: env.jobLeaseSeconds,
    stopping: stopping.signal,
    log,
    onLost: () => {
      // Training cannot be stopped in the middle of a step, and the next step could write into a folder that another
      // worker has taken over: end at once, as if killed.
      console.error('Another worker has taken this job over: this one stops.');
      process.kill(process.pid, 'SIGKILL');
    },
  });
  await lease.close();
  await close();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const known = error instanceof AppError || (error instanceof Error && error.name === 'TrainerError');
    console.error(known ? error.message : error);
    process.exit(1);
  },
);
