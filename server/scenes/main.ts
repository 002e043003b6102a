/** `npm run seed -- --scene <name>`: fills an empty database with a state of the product to look at. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '@/db/client.ts';
import { startEmbeddedPostgres } from '@/db/embedded.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { type Env, readEnv } from '../env.ts';
import { AppError } from '../errors.ts';
import { PASSWORD } from './cast.ts';
import { SCENE_NAMES, SCENES, type SceneName, seedScene } from './scenes.ts';

const USAGE = 'npm run seed -- --scene <name>, or --list';

/** @throws AppError, one sentence, for anything but `--list` and `--scene` with a scene's name */
function chosenScene(args: string[]): SceneName | 'list' {
  let values: { scene?: string | undefined; list?: boolean | undefined };
  try {
    ({ values } = parseArgs({ args, options: { scene: { type: 'string' }, list: { type: 'boolean' } } }));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message.split('. ')[0] : String(cause);
    throw new AppError('BAD_INPUT', `${what}: expected ${USAGE}.`, { cause });
  }
  if (values.list) return 'list';
  const name = SCENE_NAMES.find((known) => known === values.scene);
  if (name !== undefined) return name;
  const wrong = values.scene === undefined ? 'No scene is named' : `There is no scene "${values.scene}"`;
  throw new AppError('BAD_INPUT', `${wrong}: expected one of ${SCENE_NAMES.join(', ')}.`);
}

async function fill(env: Env, name: SceneName): Promise<void> {
  const embedded =
    env.databaseUrl === undefined
      ? await startEmbeddedPostgres({ folder: join(env.home, 'postgres') })
      : null;
  const url = embedded?.url ?? env.databaseUrl ?? '';
  try {
    await migrateDatabase(url);
    const connection = openDatabase(url);
    try {
      const scene = await seedScene(connection.db, name);
      const address = env.authUrl ?? `http://localhost:${env.port}`;
      console.log(`The scene ${name} is there: ${SCENES[name].shows}.`);
      console.log(`  look at  ${address}${scene.path}${embedded ? '  (after npm start)' : ''}`);
      console.log(`  sign in  ${scene.as}, with the password: ${PASSWORD}`);
      console.log('  others   ada@example.org (admin), rosalind@example.org (researcher), the same password');
    } finally {
      await connection.close();
    }
  } finally {
    await embedded?.stop();
  }
}

function list(): void {
  const longest = Math.max(...SCENE_NAMES.map((name) => name.length));
  for (const name of SCENE_NAMES) console.log(`  ${name.padEnd(longest)}  ${SCENES[name].shows}`);
}

async function main(): Promise<void> {
  const chosen = chosenScene(process.argv.slice(2));
  if (chosen === 'list') list();
  else await fill(readEnv(), chosen);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
