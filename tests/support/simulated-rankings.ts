import type { Random } from '@touchstone/trainer/engine/random.ts';
import type { Database } from '@/db/client.ts';
import {
  assignments,
  completions,
  guidelines,
  prompts,
  rankings,
  taskCompletions,
  tasks,
} from '@/db/schema.ts';
import { seedModel, seedProject, seedUser } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';

export const HOUR = 3_600_000;
/** When the first task was ranked; the others follow by the hour. */
export const START = Date.UTC(2026, 4, 4);

/** How a simulated person ranks: their order's agreement with the truth, and whether place or length moves them. */
export interface SimulatedPerson {
  name: string;
  /** Standard deviation of the noise on what a completion is worth; Infinity guesses. */
  noise: number;
  /** Worth that is added to what is shown first. */
  firstBonus?: number;
  /** Chance that two neighbours are tied. */
  ties?: number;
  secondsPerTask?: number;
  /** Their rankings came when the tasks had all they wanted. */
  late?: boolean;
}

/** A ranking as it was written: ranks in the order of the task's completions. */
interface Given {
  group: string;
  labeler: string;
  ranks: number[];
  guideline: string;
  at: number;
}

export interface SimulatedOptions {
  tasks: number;
  /** Completions of a task, in turn. */
  size: number | number[];
  /** Milliseconds after which the second version of the guidelines holds. */
  guidelineAt?: number;
  /** Tasks of one prompt. */
  perPrompt?: number;
  /** The project's. */
  name?: string;
  /** Milliseconds from one task to the next. */
  every?: number;
}

/** Writes tasks that each of the people ranked; returns what they gave, in the order of each task's completions. */
export async function simulateRankings(
  db: Database,
  random: Random,
  people: SimulatedPerson[],
  options: SimulatedOptions,
) {
  const project = await seedProject(db, options.name === undefined ? {} : { name: options.name });
  const model = await seedModel(db, { projectId: project.id, kind: 'reward' });
  const ids: string[] = [];
  for (const { name } of people) ids.push((await seedUser(db, { name, projectId: project.id })).id);
  const versions = [uuidv7(), uuidv7()] as const;
  await db.insert(guidelines).values(
    versions.map((id, index) => ({
      id,
      projectId: project.id,
      version: index + 1,
      markdown: `v${index + 1}`,
      createdAt: new Date(START + index * (options.guidelineAt ?? 30 * 24 * HOUR)),
    })),
  );
  const rows = {
    prompts: [] as (typeof prompts.$inferInsert)[],
    completions: [] as (typeof completions.$inferInsert)[],
    tasks: [] as (typeof tasks.$inferInsert)[],
    members: [] as (typeof taskCompletions.$inferInsert)[],
    assignments: [] as (typeof assignments.$inferInsert)[],
    rankings: [] as (typeof rankings.$inferInsert)[],
  };
  const given: Given[] = [];
  let promptId = '';
  for (let t = 0; t < options.tasks; t++) {
    if (t % (options.perPrompt ?? 1) === 0) {
      promptId = uuidv7();
      rows.prompts.push({
        id: promptId,
        projectId: project.id,
        messages: [{ role: 'user', content: 'What is it? '.repeat(50) }],
        contentHash: promptId,
        source: 'test',
        split: 'train',
      });
    }
    const sizes = [options.size].flat();
    const size = sizes[t % sizes.length] ?? 4;
    const taskId = uuidv7();
    rows.tasks.push({
      id: taskId,
      projectId: project.id,
      promptId,
      kind: 'ranking',
      wantedLabels: people.length,
      taken: people.length,
    });
    const worth = Array.from({ length: size }, () => random.normal());
    const shown = worth.map((value) => {
      const id = uuidv7();
      rows.completions.push({
        id,
        projectId: project.id,
        promptId,
        // The better, the longer; lengths all differ.
        text: 'It is so. '.repeat(200).slice(0, 600 + Math.round(100 * value)),
        source: 'test',
        reward: value,
        rewardModelId: model.id,
      });
      rows.members.push({ id: uuidv7(), taskId, completionId: id });
      return id;
    });
    for (const [p, person] of people.entries()) {
      const order = random.shuffle([...shown]);
      const felt = new Map(
        shown.map((id, i) => [
          id,
          (Number.isFinite(person.noise)
            ? (worth[i] ?? 0) + person.noise * random.normal()
            : random.normal()) + (order[0] === id ? (person.firstBonus ?? 0) : 0),
        ]),
      );
      const sorted = [...shown].sort((a, b) => (felt.get(b) ?? 0) - (felt.get(a) ?? 0));
      const groups: string[][] = [];
      for (const id of sorted) {
        const last = groups.at(-1);
        if (last && random.next() < (person.ties ?? 0)) last.push(id);
        else groups.push([id]);
      }
      const assignmentId = uuidv7();
      const at = START + t * (options.every ?? HOUR);
      const guidelineId = versions[at < START + (options.guidelineAt ?? Infinity) ? 0 : 1];
      const labelerId = ids[p] ?? '';
      rows.assignments.push({
        id: assignmentId,
        taskId,
        projectId: project.id,
        kind: 'ranking',
        labelerId,
        state: 'submitted',
        shownOrder: order,
      });
      rows.rankings.push({
        id: uuidv7(),
        assignmentId,
        taskId,
        projectId: project.id,
        promptId,
        labelerId,
        guidelineId,
        groups,
        idempotencyKey: assignmentId,
        activeSeconds: person.secondsPerTask ?? 120,
        late: person.late ?? false,
        createdAt: new Date(at),
      });
      given.push({
        group: taskId,
        labeler: labelerId,
        ranks: shown.map((id) => groups.findIndex((group) => group.includes(id)) + 1),
        guideline: guidelineId,
        at,
      });
    }
  }
  const insert = async <T>(all: T[], into: (part: T[]) => Promise<unknown>) => {
    for (let i = 0; i < all.length; i += 2000) await into(all.slice(i, i + 2000));
  };
  await insert(rows.prompts, (part) => db.insert(prompts).values(part));
  await insert(rows.completions, (part) => db.insert(completions).values(part));
  await insert(rows.tasks, (part) => db.insert(tasks).values(part));
  await insert(rows.members, (part) => db.insert(taskCompletions).values(part));
  await insert(rows.assignments, (part) => db.insert(assignments).values(part));
  await insert(rows.rankings, (part) => db.insert(rankings).values(part));
  return { projectId: project.id, ids, given, versions };
}
