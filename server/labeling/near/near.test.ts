import { describe, expect, it } from 'vitest';
import { assignments, demonstrations, prompts, tasks, textSketches } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { bandsOf, NEARLY_THE_SAME, shinglesOf, similarity, wordsOf } from './shingles.ts';

const { db } = await openTestDatabase();

const TEXT =
  'Feed the starter the evening before, with as much flour as water. In the morning mix it with the rest of the flour ' +
  'and the water, wait half an hour, then add the salt. Fold the dough four times in two hours, shape it, and let it ' +
  'rest in the cold until the oven is as hot as it goes. Bake it covered for twenty minutes and open for twenty more.';
const EDITED = TEXT.replace('half an hour', 'forty minutes').replace('four times', 'three times');
const PARAPHRASED =
  'The night before baking, give your starter equal weights of flour and water. Next day, stir in what remains of both, ' +
  'leave it alone for thirty minutes and then work in the salt. Over the next two hours fold it now and then, form a ' +
  'loaf, chill it while the oven heats fully, and bake: twenty minutes under a lid, another twenty without.';
const UNRELATED =
  'A rook moves along ranks and files, any number of free squares. It takes what stands at the end of its way, and ' +
  'together with the king it may castle once, if neither has moved before and no square between them is attacked.';

const score = (a: string, b: string) => similarity(shinglesOf(a), shinglesOf(b));
const sharedBands = (a: string, b: string) => {
  const other = bandsOf(shinglesOf(b));
  return bandsOf(shinglesOf(a)).filter((band, place) => band === other[place]).length;
};

describe('how alike two texts are', () => {
  it('is 1 for the same words, whatever their case, marks and spaces', () => {
    expect(score(TEXT, TEXT.toUpperCase().replaceAll(',', ' —').replaceAll(' ', '\n'))).toBe(1);
  });

  it('is 0.75 or more for a light edit, and below a tenth for a paraphrase and an unrelated text', () => {
    expect(score(TEXT, EDITED)).toBeGreaterThan(0.75);
    expect(score(TEXT, `${TEXT} Enjoy it warm.`)).toBeGreaterThan(0.9);
    expect(score(TEXT, PARAPHRASED)).toBeLessThan(0.1);
    expect(score(TEXT, UNRELATED)).toBeLessThan(0.02);
  });

  it('is the share of shingles in common, by the sets themselves', () => {
    // abc bcd cde against abc bcd bcx: two of four.
    expect(score('a b c d e', 'a b c d x')).toBeCloseTo(2 / 4, 10);
  });

  it('takes each sign of a script without spaces as a word', () => {
    expect(wordsOf('我喜欢黄金 and 石')).toEqual(['我', '喜', '欢', '黄', '金', 'and', '石']);
    expect(score('今天的天气很好我们去公园散步吧', '今天的天气很好我们去公园散步')).toBeGreaterThan(0.9);
  });

  it('is estimated by the bands: of 200 copies with a third of the words changed hardly one is missed', () => {
    let seen = 0;
    let alike = 0;
    for (let copy = 0; copy < 200; copy++) {
      const words = Array.from({ length: 120 }, (_, i) => `w${copy}x${i}`);
      const changed = words.map((word, i) => ((i + copy) % 12 === 0 ? `${word}y` : word));
      const shared = score(words.join(' '), changed.join(' '));
      if (shared < NEARLY_THE_SAME) continue;
      alike++;
      if (sharedBands(words.join(' '), changed.join(' ')) > 0) seen++;
    }
    expect(alike).toBe(200);
    expect(seen).toBeGreaterThanOrEqual(196);
    expect(sharedBands(TEXT, UNRELATED)).toBe(0);
  });
});

/** A person with `texts` written in a project, and a task in hand. */
async function writer(texts: string[]) {
  const project = await seedProject(db);
  const { user, api } = await person(db, 'contractor', project.id);
  const rows = texts.map((text) => ({
    text,
    promptId: uuidv7(),
    taskId: uuidv7(),
    assignmentId: uuidv7(),
  }));
  const own = { projectId: project.id, labelerId: user.id };
  for (let i = 0; i < rows.length; i += 2000) {
    const some = rows.slice(i, i + 2000);
    await db.insert(prompts).values(
      some.map(({ promptId }) => ({
        id: promptId,
        projectId: project.id,
        messages: [{ role: 'user' as const, content: 'Q' }],
        contentHash: promptId,
        source: 'test',
        split: 'train' as const,
      })),
    );
    await db.insert(tasks).values(
      some.map(({ promptId, taskId }) => ({
        id: taskId,
        projectId: project.id,
        promptId,
        kind: 'demonstration' as const,
        taken: 1,
      })),
    );
    await db.insert(assignments).values(
      some.map(({ taskId, assignmentId }) => ({
        ...own,
        id: assignmentId,
        taskId,
        kind: 'demonstration' as const,
        state: 'submitted' as const,
      })),
    );
    await db
      .insert(demonstrations)
      .values(some.map((row) => ({ ...row, ...own, idempotencyKey: `test-${row.taskId}` })));
  }
  await seedTask(db, await seedPrompt(db, project.id));
  const next = await api.labeling.next({ projectId: project.id });
  if (next.status !== 'work') throw new Error(next.reason);
  return { api, project, rows, assignmentId: next.work.assignment.id };
}

describe('one’s own earlier demonstrations', () => {
  it('are named when a text nearly repeats one, and only then', async () => {
    const { api, rows, assignmentId } = await writer([UNRELATED, TEXT, 'Yes, that is so.']);
    const near = (text: string) => api.labeling.earlierLikeThis({ assignmentId, text });
    expect(await near(EDITED)).toMatchObject({
      assignmentId: rows[1]?.assignmentId,
      text: TEXT,
      similarity: score(TEXT, EDITED),
    });
    expect(await near(PARAPHRASED)).toBeNull();
    // Short answers repeat each other, and rightly so.
    expect(await near('Yes, that is so.')).toBeNull();
    expect(await near('')).toBeNull();
  });

  it('are neither another person’s, nor another project’s, nor the label that is being changed', async () => {
    const { api, rows } = await writer([TEXT]);
    const other = await writer([UNRELATED]);
    const found = await other.api.labeling.earlierLikeThis({ assignmentId: other.assignmentId, text: TEXT });
    expect(found).toBeNull();
    const own = rows[0]?.assignmentId ?? '';
    expect(await api.labeling.earlierLikeThis({ assignmentId: own, text: EDITED })).toBeNull();
    await expect(
      other.api.labeling.earlierLikeThis({ assignmentId: own, text: EDITED }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are found among ten thousand, by the index', async () => {
    const words = (seed: number) =>
      Array.from({ length: 60 }, (_, i) => `word${Math.imul(seed * 60 + i, 2_654_435_761) >>> 20}`).join(' ');
    const texts = Array.from({ length: 10_000 }, (_, i) => words(i));
    const { api, rows, assignmentId } = await writer(texts);
    const near = (text: string) => api.labeling.earlierLikeThis({ assignmentId, text });
    // Each request sketches two thousand of those from before there were sketches.
    for (let request = 0; request < 5; request++) await near(UNRELATED);
    expect(await db.$count(textSketches)).toBeGreaterThanOrEqual(10_000);
    const copied = `${texts[1234]} and a few more`;
    expect(await near(copied)).toMatchObject({ assignmentId: rows[1234]?.assignmentId });
    await db.execute('analyze');
    // Beside the slow and obvious way, in the same minute on the same machine: reading and comparing all of them.
    const milliseconds = async (times: number, run: () => Promise<unknown>) => {
      const started = performance.now();
      for (let i = 0; i < times; i++) await run();
      return (performance.now() - started) / times;
    };
    const shingles = shinglesOf(copied);
    const byReading = await milliseconds(1, async () => {
      const all = await db.select({ text: demonstrations.text }).from(demonstrations);
      return all.map(({ text }) => similarity(shingles, shinglesOf(text)));
    });
    expect(await milliseconds(20, () => near(copied))).toBeLessThan(byReading / 5);
  }, 300_000);
});
