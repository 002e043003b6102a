import { sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  assignments,
  completions,
  demonstrations,
  guidelines,
  prompts,
  rankings,
  taskCompletions,
  tasks,
} from '@/db/schema.ts';
import { seedModel, seedProject } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { seedCast, seedCrowd } from './cast.ts';
import { seededRandom } from './random.ts';
import type { Scene } from './scene.ts';
import { DEMONSTRATIONS, GUIDELINES } from './texts.ts';

/** Rows in one insert: below Postgres's limit of 65,535 parameters. */
const CHUNK = 1000;
const DAY = 86_400_000;

const TOPICS = ['bread', 'rain', 'tax', 'chess', 'ferns', 'harbours', 'clocks', 'gravel', 'verbs', 'soup'];

/** One contractor's two thousand labels, demonstrations and rankings by turns. */
export async function historyMany(db: Database): Promise<Scene> {
  const project = await seedProject(db, { name: 'Everyday questions', guideline: GUIDELINES });
  const cast = await seedCast(db, project.id);
  const count = 2000;
  const start = Date.now() - 40 * DAY;
  const made = Array.from({ length: count }, (_, index) => {
    const kind = index % 2 === 0 ? ('demonstration' as const) : ('ranking' as const);
    const at = new Date(start + (index * 40 * DAY) / count);
    const ids = { promptId: uuidv7(), taskId: uuidv7(), assignmentId: uuidv7(), a: uuidv7(), b: uuidv7() };
    return { ...ids, kind, at, index };
  });
  const projectId = project.id;
  const labelerId = cast.contractor.id;
  const common = ({ assignmentId, taskId, promptId, at, index }: (typeof made)[number]) => ({
    assignmentId,
    taskId,
    promptId,
    projectId,
    labelerId,
    idempotencyKey: `scene-${index}`,
    activeSeconds: 40 + (index % 50) * 6,
    createdAt: at,
  });
  await insertAll(made, (rows) =>
    db.insert(prompts).values(
      rows.map(({ promptId, index }) => ({
        id: promptId,
        projectId,
        messages: [{ role: 'user' as const, content: question(index) }],
        contentHash: promptId,
        source: 'seed',
        split: 'train' as const,
      })),
    ),
  );
  await insertAll(made, (rows) =>
    db
      .insert(tasks)
      .values(
        rows.map(({ taskId, promptId, kind }) => ({ id: taskId, projectId, promptId, kind, taken: 1 })),
      ),
  );
  const ranked = made.filter(({ kind }) => kind === 'ranking');
  await insertAll(ranked, (rows) =>
    db.insert(completions).values(
      rows.flatMap(({ a, b, promptId, index }) =>
        [a, b].map((id, place) => ({
          id,
          projectId,
          promptId,
          text: `${DEMONSTRATIONS[(index + place) % 5]?.[1]}`,
          source: 'seed',
        })),
      ),
    ),
  );
  await insertAll(ranked, (rows) =>
    db
      .insert(taskCompletions)
      .values(rows.flatMap(({ taskId, a, b }) => [a, b].map((completionId) => ({ taskId, completionId })))),
  );
  await insertAll(made, (rows) =>
    db.insert(assignments).values(
      rows.map(({ assignmentId, taskId, kind, at, index, a, b }) => ({
        id: assignmentId,
        taskId,
        projectId,
        kind,
        labelerId,
        state: 'submitted' as const,
        shownOrder: kind === 'ranking' ? [a, b] : [],
        activeSeconds: 40 + (index % 50) * 6,
        createdAt: at,
        endedAt: at,
      })),
    ),
  );
  await insertAll(
    made.filter(({ kind }) => kind === 'demonstration'),
    (rows) =>
      db.insert(demonstrations).values(
        rows.map((row) => ({
          ...common(row),
          text: `${DEMONSTRATIONS[row.index % 5]?.[1]} (${row.index})`,
        })),
      ),
  );
  await insertAll(ranked, (rows) =>
    db.insert(rankings).values(rows.map((row) => ({ ...common(row), groups: [[row.a], [row.b]] }))),
  );
  await db.execute(sql`analyze`);
  return { projectId, path: '/work/history', as: cast.contractor.email };
}

/** What the labelers of the scene `quality` are like. */
const LABELERS = 30;
const PROMPTS = 500;
const LABELS_PER_TASK = 4;
const COMPLETIONS = 4;
/** Who answers at random, within seconds. */
export const BAD_LABELER = 7;
/** Who prefers whatever stands first. */
export const FIRST_PREFERRED_BY = 11;

/**
 * Thirty labelers, two thousand rankings over six weeks and three guideline versions: most agree about as people do,
 * one answers at random within seconds, one prefers what is shown first; the reward model agrees with the good ones.
 */
export async function quality(db: Database): Promise<Scene> {
  const random = seededRandom(20);
  const project = await seedProject(db, {
    name: 'Everyday questions',
    settings: {
      wantedLabels: { demonstration: 1, ranking: LABELS_PER_TASK, review: 1 },
      review: { agreementBelow: 0.6, rewardMargin: 1, sampled: 0 },
      gold: { rate: 0.05, shown: true },
    },
  });
  const projectId = project.id;
  const cast = await seedCast(db, projectId);
  const labelers = await seedCrowd(db, projectId, LABELERS);
  const base = await seedModel(db, { name: 'documents, 1.9 M', kind: 'base' });
  const sft = await seedModel(db, { projectId, name: 'Round 1 SFT', kind: 'sft', parentId: base.id });
  const reward = await seedModel(db, {
    projectId,
    name: 'Round 1 reward',
    kind: 'reward',
    parentId: sft.id,
  });
  const start = Date.now() - 42 * DAY;
  const versions = await db
    .insert(guidelines)
    .values(
      [1, 2, 3].map((version) => ({
        projectId,
        version,
        markdown: GUIDELINES,
        changeNote: version === 1 ? '' : `What changed in version ${version}, in a sentence.`,
        authorId: cast.admin.id,
        createdAt: new Date(start + (version - 1) * 14 * DAY),
      })),
    )
    .returning({ id: guidelines.id });

  const asked = Array.from({ length: PROMPTS }, (_, index) => ({
    id: uuidv7(),
    taskId: uuidv7(),
    index,
    isGold: index % 20 === 0,
    answers: Array.from({ length: COMPLETIONS }, () => ({ id: uuidv7(), worth: 3 * random() })),
  }));
  await insertAll(asked, (rows) =>
    db.insert(prompts).values(
      rows.map(({ id, index }) => ({
        id,
        projectId,
        messages: [{ role: 'user' as const, content: question(index) }],
        contentHash: id,
        source: 'seed',
        split: 'train' as const,
      })),
    ),
  );
  await insertAll(asked, (rows) =>
    db.insert(completions).values(
      rows.flatMap(({ id: promptId, index, answers }) =>
        answers.map(({ id, worth }, place) => ({
          id,
          projectId,
          promptId,
          text: `${DEMONSTRATIONS[(index + place) % 5]?.[1]}`,
          source: 'seed',
          modelId: sft.id,
          reward: worth - 1.5 + 0.3 * (random() - 0.5),
          rewardModelId: reward.id,
        })),
      ),
    ),
  );
  const best = (answers: (typeof asked)[number]['answers'], worth: (answer: { worth: number }) => number) =>
    answers
      .map(({ id, worth: value }) => ({ id, felt: worth({ worth: value }) }))
      .sort((a, b) => b.felt - a.felt)
      .map(({ id }) => [id]);
  await insertAll(asked, (rows) =>
    db.insert(tasks).values(
      rows.map(({ id, taskId, isGold, answers }) => ({
        id: taskId,
        projectId,
        promptId: id,
        kind: 'ranking' as const,
        wantedLabels: LABELS_PER_TASK,
        taken: LABELS_PER_TASK,
        ...(isGold
          ? { purpose: 'gold' as const, gold: { groups: best(answers, ({ worth }) => worth) } }
          : {}),
      })),
    ),
  );
  await insertAll(asked, (rows) =>
    db
      .insert(taskCompletions)
      .values(rows.flatMap(({ taskId, answers }) => answers.map(({ id }) => ({ taskId, completionId: id })))),
  );

  const labels = asked.flatMap(({ id: promptId, taskId, index, isGold, answers }) =>
    Array.from({ length: LABELS_PER_TASK }, (_, turn) => {
      const who = (index * 7 + turn * 11) % LABELERS;
      const shown = [...answers].sort(() => random() - 0.5);
      const groups = best(shown, ({ worth }) => {
        if (who === BAD_LABELER) return random();
        const noise = -Math.log(-Math.log(random() + 1e-9) + 1e-9);
        const first = who === FIRST_PREFERRED_BY && shown[0]?.worth === worth ? 2.5 : 0;
        return 1.4 * worth + noise + first;
      });
      const truth = best(answers, ({ worth }) => worth);
      const at = new Date(start + ((index + turn / LABELS_PER_TASK) / PROMPTS) * 42 * DAY);
      return {
        assignmentId: uuidv7(),
        labelId: uuidv7(),
        promptId,
        taskId,
        labelerId: labelers[who]?.id ?? '',
        guidelineId: versions[Math.min(2, Math.floor((index * 3) / PROMPTS))]?.id ?? null,
        shownOrder: shown.map((answer) => answer.id),
        groups,
        goldScore: isGold ? shareAgreed(truth, groups) : null,
        seconds: who === BAD_LABELER ? 3 + 4 * random() : 45 + 200 * random(),
        at,
      };
    }),
  );
  await insertAll(labels, (rows) =>
    db.insert(assignments).values(
      rows.map((row) => ({
        id: row.assignmentId,
        taskId: row.taskId,
        projectId,
        kind: 'ranking' as const,
        labelerId: row.labelerId,
        state: 'submitted' as const,
        shownOrder: row.shownOrder,
        guidelineId: row.guidelineId,
        activeSeconds: row.seconds,
        goldScore: row.goldScore,
        createdAt: row.at,
        endedAt: new Date(row.at.getTime() + row.seconds * 1000),
      })),
    ),
  );
  await insertAll(labels, (rows) =>
    db.insert(rankings).values(
      rows.map((row) => ({
        id: row.labelId,
        assignmentId: row.assignmentId,
        taskId: row.taskId,
        projectId,
        promptId: row.promptId,
        labelerId: row.labelerId,
        guidelineId: row.guidelineId,
        idempotencyKey: `scene-${row.assignmentId}`,
        activeSeconds: row.seconds,
        groups: row.groups,
        createdAt: row.at,
      })),
    ),
  );
  await db.execute(sql`analyze`);
  return { projectId, path: '/quality', as: cast.admin.email };
}

/** On which share of the pairs of a known order a strict order agrees. */
function shareAgreed(truth: string[][], groups: string[][]): number {
  const place = new Map(groups.flat().map((id, index) => [id, index]));
  const order = truth.flat();
  let pairs = 0;
  let agreed = 0;
  for (const [index, better] of order.entries()) {
    for (const worse of order.slice(index + 1)) {
      pairs++;
      if ((place.get(better) ?? 0) < (place.get(worse) ?? 0)) agreed++;
    }
  }
  return agreed / pairs;
}

function question(index: number): string {
  return `Question ${index + 1}: what should everybody know about ${TOPICS[index % TOPICS.length]}?`;
}

async function insertAll<Row>(rows: Row[], insert: (rows: Row[]) => PromiseLike<unknown>): Promise<void> {
  for (let i = 0; i < rows.length; i += CHUNK) await insert(rows.slice(i, i + CHUNK));
}
