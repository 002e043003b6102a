import { createWriteStream, existsSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { and, asc, eq, gt, lte } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { datasetVersions, models, prompts, type Split } from '@/db/schema.ts';
import { exportRows } from '../datasets/export.ts';
import { AppError } from '../errors.ts';
import type { Run } from '../models/runs.ts';

/** The folder of a run, under TOUCHSTONE_HOME. */
export function runFolderOf(home: string, runId: string): string {
  return join(home, 'runs', runId);
}

/** The folder of a model's checkpoint. */
export async function modelFolder(db: Database, home: string, modelId: string | null): Promise<string> {
  const [model] =
    modelId === null
      ? []
      : await db.select({ folder: models.folder }).from(models).where(eq(models.id, modelId));
  if (!model) throw new AppError('NOT_FOUND', 'The run names a model that does not exist.');
  return resolve(home, model.folder);
}

/**
 * Completes a run's settings with its inputs, written as files under the run's folder from the frozen dataset version.
 * Files that are there already stay: a run that is picked up again trains on the very same bytes.
 */
export async function completeConfig(db: Database, home: string, run: Run): Promise<Record<string, unknown>> {
  const folder = join(runFolderOf(home, run.id), 'inputs');
  await mkdir(folder, { recursive: true });
  const lineage = await lineageOf(db, run);
  switch (run.stage) {
    case 'pretrain':
      return { ...run.config, sources: resolveSources(home, run.config.sources), lineage };
    case 'sft': {
      const version = requireVersion(run);
      const held = await hasSplit(db, version, 'validation');
      return {
        ...run.config,
        model: await modelFolder(db, home, run.parentModelId),
        demonstrations: await writeOnce(join(folder, 'demonstrations.jsonl'), () =>
          exportRows(db, version, 'messages', held ? { split: 'train' } : {}),
        ),
        ...(held
          ? {
              validation: await writeOnce(join(folder, 'validation.jsonl'), () =>
                exportRows(db, version, 'messages', { split: 'validation' }),
              ),
            }
          : {}),
        lineage,
      };
    }
    case 'reward': {
      const version = requireVersion(run);
      return {
        ...run.config,
        model: await modelFolder(db, home, run.parentModelId),
        rankings: await writeOnce(join(folder, 'rankings.jsonl'), () => exportRows(db, version, 'native')),
        lineage,
      };
    }
    case 'ppo':
      return {
        ...run.config,
        model: await modelFolder(db, home, run.parentModelId),
        reward: await modelFolder(db, home, run.rewardModelId),
        prompts: await writeOnce(join(folder, 'prompts.jsonl'), () => trainingPrompts(db, run)),
        lineage,
      };
  }
}

function requireVersion(run: Run): string {
  if (run.datasetVersionId === null) {
    throw new AppError('BAD_INPUT', `The ${run.stage} run names no dataset version to train on.`);
  }
  return run.datasetVersionId;
}

async function hasSplit(db: Database, versionId: string, split: Split): Promise<boolean> {
  const [version] = await db
    .select({ counts: datasetVersions.counts })
    .from(datasetVersions)
    .where(eq(datasetVersions.id, versionId));
  return (version?.counts[split] ?? 0) > 0;
}

/** The names that the checkpoint keeps of its parent and its data. */
async function lineageOf(db: Database, run: Run) {
  const [version] =
    run.datasetVersionId === null
      ? []
      : await db
          .select({ version: datasetVersions.id, hash: datasetVersions.contentHash })
          .from(datasetVersions)
          .where(eq(datasetVersions.id, run.datasetVersionId));
  return { parent: run.parentModelId, dataset: version ?? null };
}

/** Sources' paths, those that are not absolute taken from TOUCHSTONE_HOME. Their form is checked with the config. */
function resolveSources(home: string, sources: unknown): unknown {
  if (!Array.isArray(sources)) return sources;
  return sources.map((source: unknown) => {
    if (typeof source !== 'object' || source === null || !('path' in source)) return source;
    const { path } = source;
    return typeof path === 'string' && !isAbsolute(path) ? { ...source, path: resolve(home, path) } : source;
  });
}

/** The project's training prompts as they were when the run was made, as JSON lines. */
async function* trainingPrompts(db: Database, run: Run): AsyncGenerator<string> {
  if (run.projectId === null) throw new AppError('BAD_INPUT', 'A PPO run needs a project for its prompts.');
  let after: string | undefined;
  for (;;) {
    const rows = await db
      .select({ id: prompts.id, messages: prompts.messages })
      .from(prompts)
      .where(
        and(
          eq(prompts.projectId, run.projectId),
          eq(prompts.split, 'train'),
          lte(prompts.createdAt, run.createdAt),
          after === undefined ? undefined : gt(prompts.id, after),
        ),
      )
      .orderBy(asc(prompts.id))
      .limit(1000);
    for (const { id, messages } of rows) {
      const [only] = messages;
      const prompt = messages.length === 1 && only ? only.content : messages;
      yield `${JSON.stringify({ id, prompt })}\n`;
    }
    after = rows.at(-1)?.id;
    if (after === undefined) return;
  }
}

/** Writes a file through a temporary name, unless it is there already; a kill leaves it whole or absent. */
async function writeOnce(file: string, lines: () => AsyncIterable<string>): Promise<string> {
  if (existsSync(file)) return file;
  const temporary = `${file}.${process.pid}.partial`;
  await pipeline(Readable.from(lines()), createWriteStream(temporary));
  renameSync(temporary, file);
  return file;
}
