/**
 * Imports a file of any size into a project, from a shell:
 * `npx tsx server/datasets/import.ts prompts|trees FILE --project NAME [--demonstrations]`
 * with DATABASE_URL set. All of the file is imported, or nothing.
 */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { sql } from 'drizzle-orm';
import { type Database, openDatabase } from '@/db/client.ts';
import { projects } from '@/db/schema.ts';
import { requireDatabaseUrl } from '../env.ts';
import { AppError } from '../errors.ts';
import { readLines } from './lines.ts';
import { importPrompts, type PromptsImported } from './prompts-import.ts';
import { importTrees, type TreesImported } from './trees-import.ts';

const USAGE = 'Usage: npx tsx server/datasets/import.ts prompts|trees FILE --project NAME [--demonstrations]';

export interface FileImport {
  /** `prompts`: lines of `{ prompt, … }`; `trees`: Open-Assistant conversation trees. */
  kind: 'prompts' | 'trees';
  path: string;
  /** The project's name, in any case. */
  projectName: string;
  /** For prompts: make demonstration tasks of them. For trees: the best replies become demonstrations. */
  demonstrations: boolean;
  actorId: string | null;
}

/**
 * Imports a file as a stream.
 * @throws NOT_FOUND for the project, BAD_INPUT for the file; nothing is written then
 */
export async function importFile(db: Database, input: FileImport): Promise<PromptsImported | TreesImported> {
  const [project] = await db
    .select()
    .from(projects)
    .where(sql`lower(${projects.name}) = lower(${input.projectName})`);
  if (!project) throw new AppError('NOT_FOUND', `There is no project named “${input.projectName}”.`);
  const fileName = basename(input.path);
  const source = {
    project,
    fileName,
    lines: readLines(fileName, bytesOf(input.path)),
    actorId: input.actorId,
  };
  return input.kind === 'prompts'
    ? importPrompts(db, { ...source, demonstrationTasks: input.demonstrations })
    : importTrees(db, { ...source, demonstrations: input.demonstrations });
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path);
  } catch (cause) {
    throw new AppError('BAD_INPUT', `${path} cannot be read: expected a file of JSON lines.`, { cause });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { project: { type: 'string' }, demonstrations: { type: 'boolean', default: false } },
  });
  const [kind, path] = positionals;
  if ((kind !== 'prompts' && kind !== 'trees') || path === undefined || values.project === undefined) {
    throw new AppError('BAD_INPUT', USAGE);
  }
  const { db, close } = openDatabase(requireDatabaseUrl());
  try {
    const { demonstrations, project: projectName } = values;
    const result = await importFile(db, { kind, path, projectName, demonstrations, actorId: null });
    for (const [what, count] of Object.entries(result)) console.log(`${what}: ${count}`);
  } finally {
    await close();
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
