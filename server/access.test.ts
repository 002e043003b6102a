import { describe, expect, it } from 'vitest';
import { seedProject, seedPrompt, seedRankingTask, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { anybody, type Caller, person } from '@/tests/support/people.ts';
import { freezeDataset } from './datasets/freeze.ts';
import { currentGuideline } from './labeling/work.ts';

const { db } = await openTestDatabase();

const project = await seedProject(db, { guideline: 'Be kind.' });
await seedRankingTask(db, project.id, { wantedLabels: 3 });
const guideline = await currentGuideline(db, project.id);
if (!guideline) throw new Error('The project has no guidelines.');
const known = await seedTask(db, await seedPrompt(db, project.id), { purpose: 'gold' });
const contractor = await person(db, 'contractor', project.id);
const researcher = await person(db, 'researcher', project.id);
const admin = await person(db, 'admin');
const outsider = await person(db, 'researcher');
const taken = await contractor.api.labeling.next({ projectId: project.id });
if (taken.status !== 'work') throw new Error(taken.reason);
await contractor.api.labeling.submit({
  assignmentId: taken.work.assignment.id,
  idempotencyKey: uuidv7(),
  content: { kind: 'ranking', groups: taken.work.completions.map((completion) => [completion.id]) },
});
const version = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });

const projectId = project.id;
const file = { projectId, fileName: 'f.jsonl', text: '' };
/** Every guarded procedure, and the smallest role in the project that may call it. */
const procedures: [
  name: string,
  needed: 'contractor' | 'researcher' | 'admin',
  (api: Caller) => Promise<unknown>,
][] = [
  ['projects.get', 'contractor', (api) => api.projects.get({ projectId })],
  ['projects.progress', 'researcher', (api) => api.projects.progress({ projectId })],
  ['guidelines.current', 'contractor', (api) => api.guidelines.current({ projectId })],
  ['guidelines.list', 'contractor', (api) => api.guidelines.list({ projectId })],
  ['guidelines.use', 'researcher', (api) => api.guidelines.use({ projectId })],
  ['guidelines.news', 'contractor', (api) => api.guidelines.news({ projectId })],
  [
    'guidelines.markRead',
    'contractor',
    (api) => api.guidelines.markRead({ projectId, guidelineId: guideline.id }),
  ],
  ['labeling.next', 'contractor', (api) => api.labeling.next({ projectId, kind: 'demonstration' })],
  ['labeling.stats', 'contractor', (api) => api.labeling.stats({ projectId })],
  ['projects.members', 'researcher', (api) => api.projects.members({ projectId })],
  ['projects.prompts', 'researcher', (api) => api.projects.prompts({ projectId })],
  ['reviews.queue', 'researcher', (api) => api.reviews.queue({ projectId })],
  [
    'reviews.ask',
    'researcher',
    (api) => api.reviews.ask({ projectId, taskId: taken.work.assignment.taskId }),
  ],
  ['reviews.sweep', 'researcher', (api) => api.reviews.sweep({ projectId })],
  ['quality.ownStanding', 'contractor', (api) => api.quality.ownStanding({ projectId })],
  ['quality.report', 'researcher', (api) => api.quality.report({ projectId })],
  ['quality.person', 'researcher', (api) => api.quality.person({ projectId, userId: contractor.user.id })],
  ['quality.labels', 'researcher', (api) => api.quality.labels({ projectId, userId: contractor.user.id })],
  ['quality.impact', 'researcher', (api) => api.quality.impact({ projectId, userId: contractor.user.id })],
  [
    'quality.setStanding',
    'admin',
    (api) =>
      api.quality.setStanding({
        projectId,
        userId: contractor.user.id,
        standing: 'warned',
        from: 'good',
        note: 'Read the guidelines again.',
      }),
  ],
  ['datasets.list', 'researcher', (api) => api.datasets.list({ projectId })],
  ['datasets.get', 'researcher', (api) => api.datasets.get({ versionId: version.id })],
  ['datasets.verify', 'researcher', (api) => api.datasets.verify({ versionId: version.id })],
  ['datasets.freeze', 'researcher', (api) => api.datasets.freeze({ projectId, kind: 'rankings' })],
  ['datasets.promptCounts', 'researcher', (api) => api.datasets.promptCounts({ projectId })],
  ['datasets.importPrompts', 'researcher', (api) => api.datasets.importPrompts(file)],
  ['datasets.importTrees', 'researcher', (api) => api.datasets.importTrees(file)],
  ['projects.update', 'admin', (api) => api.projects.update({ projectId, description: 'new' })],
  [
    'projects.addMember',
    'admin',
    (api) => api.projects.addMember({ projectId, userId: contractor.user.id, role: 'contractor' }),
  ],
  ['projects.removeMember', 'admin', (api) => api.projects.removeMember({ projectId, userId: uuidv7() })],
  [
    'projects.createDemonstrationTasks',
    'admin',
    (api) => api.projects.createDemonstrationTasks({ projectId, count: 1 }),
  ],
  [
    'projects.createBriefTasks',
    'admin',
    (api) => api.projects.createBriefTasks({ projectId, form: 'plain', instruction: 'Ask.', count: 1 }),
  ],
  [
    'projects.setReviewer',
    'admin',
    (api) => api.projects.setReviewer({ projectId, userId: contractor.user.id, mayReview: true }),
  ],
  [
    'projects.letThrough',
    'admin',
    (api) => api.projects.letThrough({ projectId, userId: contractor.user.id }),
  ],
  ['projects.knownTasks', 'admin', (api) => api.projects.knownTasks({ projectId })],
  ['projects.uploadKnown', 'admin', (api) => api.projects.uploadKnown({ ...file, purpose: 'gold' })],
  [
    'projects.setKnownState',
    'admin',
    (api) => api.projects.setKnownState({ projectId, taskId: known.id, state: 'closed' }),
  ],
  ['people.list', 'admin', (api) => api.people.list()],
  ['people.invites', 'admin', (api) => api.people.invites()],
  ['people.audit', 'admin', (api) => api.people.audit({})],
  [
    'people.invite',
    'admin',
    (api) => api.people.invite({ email: `${uuidv7()}@example.org`, role: 'contractor' }),
  ],
];
const ORDER = ['contractor', 'researcher', 'admin'];

describe.each(procedures)('%s', (name, needed, call) => {
  it('is for those who are signed in', async () => {
    await expect(call(anybody(db))).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it.each([
    ['contractor', contractor.api],
    ['researcher', researcher.api],
    ['admin', admin.api],
  ])(`asked by a %s is allowed from ${needed} up`, async (role, api) => {
    if (ORDER.indexOf(role) >= ORDER.indexOf(needed)) await expect(call(api)).resolves.not.toThrow();
    else await expect(call(api)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is closed to a researcher of no such project', async () => {
    const code = name.startsWith('people.') ? 'FORBIDDEN' : 'NOT_FOUND';
    await expect(call(outsider.api)).rejects.toMatchObject({ code });
  });
});
