/** `npm start`: the whole product on this machine, until Ctrl-C. */
import { readEnv } from './env.ts';
import { AppError } from './errors.ts';
import { setupNeeded } from './people/users.ts';
import { stopOnSignals } from './stack/signals.ts';
import { type Stack, startStack } from './stack/stack.ts';

async function main(): Promise<void> {
  const env = readEnv();
  const stack: Stack = await startStack({
    home: env.home,
    port: env.port,
    databaseUrl: env.databaseUrl,
    authSecret: env.authSecret,
    authUrl: env.authUrl,
    onLine: (part, line) => console.log(`${part.padEnd(6)} │ ${line}`),
    onNews: (line) => console.log(line),
    onWorkerStart: (pid, restarts) =>
      console.log(restarts === 0 ? `Worker ${pid} started.` : `Worker restarted as process ${pid}.`),
    onWorkerDeath: (pid, how) => console.log(`Worker ${pid} died (${how}): starting another.`),
  });
  stopOnSignals(() => stack.stop());
  try {
    stack.startWorker();
    await stack.startWeb();
    console.log(`\nTouchstone is at ${stack.address}`);
    if (await setupNeeded(stack.connection.db)) {
      console.log(`Nobody has an account yet: make the first admin at ${stack.address}/setup`);
    }
    console.log('Ctrl-C stops it.\n');
    throw new AppError('UNAVAILABLE', await stack.broken);
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
