import { expect, it } from 'vitest';
import { datasetVersions, rounds } from '@/db/schema.ts';
import { seedModel, seedProject } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { anybody, person } from '@/tests/support/people.ts';
import { roundConfig } from '../rounds/settings.ts';

const { db } = await openTestDatabase();
const mine = await seedProject(db);
const other = await seedProject(db);
const researcher = await person(db, 'researcher', mine.id);
const contractor = await person(db, 'contractor', mine.id);
const admin = await person(db, 'admin');
for (let i = 0; i < 220; i++) await seedModel(db, { projectId: mine.id, name: `newer ${i}` });
const base = await seedModel(db, { name: 'documents, 1.9 M' });
await seedModel(db, { projectId: other.id, name: 'documents of others' });
for (const projectId of [mine.id, other.id]) {
  await db.insert(datasetVersions).values({
    projectId,
    kind: 'rankings',
    number: 1,
    name: 'rankings 1',
    contentHash: '0',
    counts: { total: 0, train: 0, validation: 0, evaluation: 0 },
  });
}
await db.insert(rounds).values({
  projectId: mine.id,
  number: 3,
  name: '',
  targets: { demonstrations: 1, rankings: 1, votes: 1 },
  config: roundConfig.parse({}),
  inputs: {},
  baseModelId: base.id,
});

const names = async (who: typeof admin, typed: string) =>
  (await who.api.find.byName({ typed })).map(({ kind, name }) => `${kind} ${name}`);

it('finds by every word of kind and name, however many came after', async () => {
  expect(await names(researcher, 'model docu')).toEqual(['model documents, 1.9 M']);
  expect(await names(researcher, 'round 3')).toEqual(['round Round 3']);
  expect(await names(researcher, '100%')).toEqual([]);
});

it('finds in every project of the person, and in no other', async () => {
  expect(await names(researcher, 'rankings')).toEqual(['dataset rankings 1']);
  expect(await names(admin, 'rankings')).toEqual(['dataset rankings 1', 'dataset rankings 1']);
  expect(await names(researcher, 'others')).toEqual([]);
});

it('is for researchers and admins', async () => {
  await expect(contractor.api.find.byName({ typed: 'a' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(anybody(db).find.byName({ typed: 'a' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
});
