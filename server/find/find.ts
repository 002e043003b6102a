import { and, desc, ilike, type SQL, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { datasetVersions, models, rounds, runs } from '@/db/schema.ts';
import { visibleTo } from '../models/access.ts';
import type { SessionUser } from '../people/access.ts';

export interface Found {
  kind: 'model' | 'run' | 'round' | 'dataset';
  id: string;
  name: string;
  projectId: string | null;
}

/** Things of each kind that one search gives at most. */
const MOST = 12;

const modelText = sql<string>`'model ' || ${models.name}`;
const runName = sql<string>`coalesce(nullif(${runs.name}, ''), ${runs.stage})`;
const roundName = sql<string>`coalesce(nullif(${rounds.name}, ''), 'Round ' || ${rounds.number})`;

/**
 * Models, runs, rounds and dataset versions whose kind and name hold every word, newest first, from the projects in
 * which the person researches.
 */
export async function findByName(db: Database, user: SessionUser, words: string[]): Promise<Found[]> {
  const holds = (text: SQL) =>
    and(...words.map((word) => ilike(text, `%${word.replace(/[\\%_]/g, '\\$&')}%`)));
  const [foundModels, foundRuns, foundRounds, foundVersions] = await Promise.all([
    db
      .select({ id: models.id, name: models.name, projectId: models.projectId })
      .from(models)
      .where(and(visibleTo(db, user, models.projectId), holds(modelText)))
      .orderBy(desc(models.id))
      .limit(MOST),
    db
      .select({ id: runs.id, name: runName, projectId: runs.projectId })
      .from(runs)
      .where(and(visibleTo(db, user, runs.projectId), holds(sql`'run ' || ${runName}`)))
      .orderBy(desc(runs.id))
      .limit(MOST),
    db
      .select({ id: rounds.id, name: roundName, projectId: rounds.projectId })
      .from(rounds)
      .where(and(visibleTo(db, user, rounds.projectId), holds(sql`'round ' || ${roundName}`)))
      .orderBy(desc(rounds.id))
      .limit(MOST),
    db
      .select({
        id: datasetVersions.id,
        name: datasetVersions.name,
        projectId: datasetVersions.projectId,
      })
      .from(datasetVersions)
      .where(
        and(
          visibleTo(db, user, datasetVersions.projectId),
          holds(sql`'dataset ' || ${datasetVersions.name}`),
        ),
      )
      .orderBy(desc(datasetVersions.id))
      .limit(MOST),
  ]);
  const as = (kind: Found['kind']) => (row: Omit<Found, 'kind'>) => ({ kind, ...row });
  return [
    ...foundModels.map(as('model')),
    ...foundRuns.map(as('run')),
    ...foundRounds.map(as('round')),
    ...foundVersions.map(as('dataset')),
  ];
}
