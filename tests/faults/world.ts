import { sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { memberships, taskCompletions, tasks } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedUser } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';

export interface World {
  projectId: string;
  labelerIds: string[];
}

/** As short as a project may set it. */
export const LEASE_SECONDS = 10;
const PROMPTS = 40;

/**
 * A project with labelers and tasks of every kind: demonstrations, prompts to be written too, rankings of 2 to 9, gold, and
 * reviews that come by sample; one to five labels each.
 */
export async function makeWorld(db: Database, size: { labelers: number; tasks: number }): Promise<World> {
  const project = await seedProject(db, {
    settings: {
      leaseSeconds: LEASE_SECONDS,
      gold: { rate: 0.1, shown: false },
      review: { agreementBelow: 0.4, rewardMargin: null, sampled: 0.3 },
    },
    guideline: 'Be kind.',
  });
  const { id: projectId } = project;
  const labelerIds: string[] = [];
  for (let i = 0; i < size.labelers; i++) {
    const { id } = await seedUser(db, { name: `Labeler ${i}`, projectId });
    labelerIds.push(id);
  }
  // Every third reviews too.
  await db
    .update(memberships)
    .set({ mayReview: sql`right(${memberships.userId}::text, 1) in ('0', '3', '6', '9', 'c')` });

  const prompts: { id: string; completionIds: string[] }[] = [];
  for (let i = 0; i < PROMPTS; i++) {
    const prompt = await seedPrompt(db, projectId);
    const completionIds: string[] = [];
    for (let k = 0; k < 2 + (i % 8); k++) completionIds.push((await seedCompletion(db, prompt)).id);
    prompts.push({ id: prompt.id, completionIds });
  }
  const rows: (typeof tasks.$inferInsert)[] = [];
  const members: (typeof taskCompletions.$inferInsert)[] = [];
  for (let i = 0; i < size.tasks; i++) {
    const prompt = prompts[i % PROMPTS];
    if (!prompt) continue;
    const id = uuidv7();
    const common = { id, projectId, wantedLabels: 1 + (i % 5), priority: i % 3 };
    const isGold = i % 20 === 19;
    if (i % 10 === 3) {
      const brief = { form: 'plain' as const, instruction: 'Ask for something.' };
      rows.push({ ...common, kind: 'demonstration', brief });
    } else if (i % 2 === 0) rows.push({ ...common, kind: 'demonstration', promptId: prompt.id });
    else {
      rows.push({
        ...common,
        kind: 'ranking',
        promptId: prompt.id,
        ...(isGold
          ? { purpose: 'gold', gold: { groups: prompt.completionIds.map((one) => [one]) }, wantedLabels: 50 }
          : {}),
      });
      members.push(...prompt.completionIds.map((completionId) => ({ taskId: id, completionId })));
    }
  }
  for (let i = 0; i < rows.length; i += 2000) await db.insert(tasks).values(rows.slice(i, i + 2000));
  for (let i = 0; i < members.length; i += 5000) {
    await db.insert(taskCompletions).values(members.slice(i, i + 5000));
  }
  return { projectId, labelerIds };
}
