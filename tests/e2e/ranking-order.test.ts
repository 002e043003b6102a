import { and, eq } from 'drizzle-orm';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, rankings, ratings } from '@/db/schema.ts';
import { seedProject, seedRankingTask, seedUser } from '@/db/seed.ts';
import { completionLetter, FLAGS, type Flag, STRENGTHS } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import { hashPassword } from '@/server/people/passwords.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { taskOpened } from '../support/task-opened.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const EMAIL = 'orla@example.org';
const PASSWORD = 'rub it on the slate and look';
/** Three of each number of completions: one by keys, one by dragging, one by duel. */
const SIZES = [2, 3, 4, 5, 6, 7, 8, 9].flatMap((size) => [size, size, size]);
const WAYS = ['keys', 'drag', 'duel'] as const;

/** Numbers in [0, 1), the same every time (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomFrom(20_261_125);
const below = (n: number) => Math.floor(random() * n);

function shuffled<T>(list: T[]): T[] {
  const rest = [...list];
  const out: T[] = [];
  while (rest.length > 0) out.push(...rest.splice(below(rest.length), 1));
  return out;
}

/** What is meant: an order with ties, in letters, and all that is said about it. */
interface Meant {
  groups: string[][];
  strengths: string[];
  rated: { letter: string; overall: number; flags: Flag[] }[];
  allBad: boolean;
  note: string;
}

function meaning(size: number): Meant {
  const groups: string[][] = [];
  for (const letter of shuffled(Array.from({ length: size }, (_, at) => completionLetter(at)))) {
    const last = groups.at(-1);
    if (last && random() < 0.3) last.push(letter);
    else groups.push([letter]);
  }
  const flags = Object.keys(FLAGS) as Flag[];
  return {
    groups: groups.map((group) => [...group].sort()),
    strengths: groups.slice(1).map(() => Object.keys(STRENGTHS)[below(4)] ?? ''),
    rated: groups
      .flat()
      .sort()
      .filter(() => random() < 0.4)
      .map((letter) => ({
        letter,
        overall: 1 + below(7),
        flags: flags.filter(() => random() < 0.15),
      })),
    allBad: random() < 0.3,
    note: random() < 0.3 ? `Note ${below(1000)}, and = 3 B too.` : '',
  };
}

/** What a ranking says, in letters, wherever it is read. */
interface Told {
  groups: string[][];
  strengths: string[];
  said: Record<string, string>;
  allBad: boolean;
  note: string;
}

describe.skipIf(!hasChromium)('random rankings', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let page: Page;
  let touch: CDPSession;
  let labelerId: string;

  beforeAll(async () => {
    const project = await seedProject(db, { settings: { strengths: true, ratings: 'optional' } });
    const labeler = await seedUser(db, {
      email: EMAIL,
      passwordHash: await hashPassword(PASSWORD),
      projectId: project.id,
    });
    labelerId = labeler.id;
    for (const [at, completions] of SIZES.entries()) {
      await seedRankingTask(db, project.id, { completions, priority: SIZES.length - at });
    }
    app = await startTestWebApp(url);
    browser = await launchChromium();
    // High enough for every completion and the whole order at once.
    // Without motion: what glides to its place cannot be taken hold of meanwhile.
    const context = await browser.newContext({
      viewport: { width: 1400, height: 1500 },
      hasTouch: true,
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(15_000);
    page = await context.newPage();
    touch = await context.newCDPSession(page);
    await page.goto(`${app.address}/sign-in`);
    await page.getByLabel('E-mail address').fill(EMAIL);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL((address) => !address.pathname.startsWith('/sign-in'));
    await page.goto(`${app.address}/work`);
  }, 400_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  async function press(...keys: string[]) {
    for (const key of keys) await page.keyboard.press(key);
  }

  /** Selects a completion by its letter, by arrows alone. */
  async function select(letter: string, size: number) {
    await press(...Array.from({ length: size }, () => 'ArrowUp'));
    await press(...Array.from({ length: letter.charCodeAt(0) - 65 }, () => 'ArrowDown'));
  }

  async function middleOf(selector: string) {
    const box = await page.locator(selector).boundingBox();
    if (!box) throw new Error(`${selector} is not on the page.`);
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }

  /** Drags from one place to another: with a finger, or with a mouse. */
  async function drag(from: string, to: string, finger: boolean) {
    const [start, end] = [await middleOf(from), await middleOf(to)];
    const half = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
    if (finger) {
      const at = (point: { x: number; y: number }) => ({ touchPoints: [point] });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', ...at(start) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at(half) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at(end) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    } else {
      await page.mouse.move(start.x, start.y);
      await page.mouse.down();
      await page.mouse.move(half.x, half.y);
      await page.mouse.move(end.x, end.y);
      await page.mouse.up();
    }
  }

  /** Puts the completions in the order, one after the other in a random sequence, by keys or by dragging. */
  async function place(meant: Meant, way: 'keys' | 'drag') {
    const size = meant.groups.flat().length;
    const placed: string[][] = [];
    for (const letter of shuffled(meant.groups.flat())) {
      const group = meant.groups.find((one) => one.includes(letter)) ?? [];
      const rankIn = (one: string[]) => meant.groups.findIndex((other) => other.includes(one[0] ?? ''));
      const tied = placed.findIndex((one) => group.includes(one[0] ?? ''));
      const better = placed.filter((one) => rankIn(one) < meant.groups.indexOf(group)).length;
      if (way === 'keys') {
        await select(letter, size);
        if (tied === -1) await press(String(better + 1));
        else await press(String(tied + 2), '=');
      } else {
        const from = random() < 0.5 ? `#select-${letter}` : `[data-moves][aria-label="Completion ${letter}"]`;
        const to = tied === -1 ? `[data-drop="gap-${better}"]` : `[data-drop="group-${tied}"]`;
        await drag(from, to, random() < 0.5);
      }
      if (tied === -1) placed.splice(better, 0, [letter]);
      else placed[tied]?.push(letter);
      await page
        .locator(`[data-drop="group-${tied === -1 ? better : tied}"]`)
        .getByRole('button', { name: `Completion ${letter}`, exact: true })
        .waitFor();
    }
  }

  /** Answers the duel's questions until there are no more. Returns how many there were. */
  async function duel(meant: Meant): Promise<number> {
    const rank = (letter: string) => meant.groups.findIndex((group) => group.includes(letter));
    await press('v');
    for (let questions = 0; ; questions++) {
      const heading = page.getByRole('heading', { name: /which is better/ });
      const done = page.getByText('Every completion is ranked ✓');
      await heading.or(done).first().waitFor();
      if (!(await heading.isVisible())) return questions;
      const [left = '', right = ''] = ((await heading.textContent()) ?? '').split(/ or |:/);
      const by = rank(left) - rank(right);
      await press(by < 0 ? 'ArrowLeft' : by > 0 ? 'ArrowRight' : '=');
    }
  }

  /** Rates, flags, marks and notes what is meant, by keys. */
  async function say(meant: Meant) {
    const size = meant.groups.flat().length;
    for (const { letter, overall, flags } of meant.rated) {
      await select(letter, size);
      await press('r', String(overall));
      if (flags.length === 0) continue;
      await press('f', ...flags.map((flag) => String((Object.keys(FLAGS).indexOf(flag) + 1) % 10)));
    }
    if (meant.strengths.length > 0) {
      await press('w', ...meant.strengths.map((one) => String(Object.keys(STRENGTHS).indexOf(one) + 1)));
    }
    if (meant.allBad) await press('b');
    if (meant.note !== '') {
      await press('n');
      await page.keyboard.type(meant.note);
      await press('Escape');
    }
  }

  /** The confirmation, as somebody would read it. */
  async function readConfirmation(): Promise<Told> {
    const dialog = page.getByRole('dialog');
    const ranks = await dialog.getByRole('listitem').evaluateAll((items) =>
      items.map((item) => ({
        letters: [...item.querySelectorAll('strong')].map(({ textContent }) => textContent.replace('= ', '')),
        said: [...item.querySelectorAll('strong')].map(({ nextElementSibling }) =>
          [...(nextElementSibling?.querySelectorAll('span') ?? [])]
            .map(({ textContent }) => textContent)
            .join(' '),
        ),
        strength: /↓ (.*) than rank/.exec(item.textContent)?.[1] ?? null,
      })),
    );
    const text = (await dialog.textContent()) ?? '';
    return {
      groups: ranks.map(({ letters }) => [...letters].sort()),
      strengths: ranks.flatMap(({ strength }) => (strength === null ? [] : [strength])),
      said: Object.fromEntries(
        ranks
          .flatMap(({ letters, said }) =>
            letters.map((letter, at): [string, string] => [letter, said[at] ?? '']),
          )
          .filter(([, said]) => said !== '')
          .sort(),
      ),
      allBad: text.includes('all of them are bad'),
      note: /“(.*)”/.exec(text)?.[1] ?? '',
    };
  }

  const sayIt = (overall: number | null, flags: string[]) =>
    [
      ...(overall === null ? [] : [`rated ${overall} of 7`]),
      ...(flags.length === 0 ? [] : [`⚑ ${flags.map((flag) => FLAGS[flag as Flag]).join(' · ')}`]),
    ].join(' ');
  const strengthName = (strength: string) => STRENGTHS[strength as keyof typeof STRENGTHS].toLowerCase();

  /** The same, from the database. */
  async function readStored(assignmentId: string, shown: string[]): Promise<Told> {
    const [ranking] = await db.select().from(rankings).where(eq(rankings.assignmentId, assignmentId));
    if (!ranking) throw new Error('Nothing was stored.');
    const given = await db.select().from(ratings).where(eq(ratings.rankingId, ranking.id));
    const letter = (id: string) => completionLetter(shown.indexOf(id));
    return {
      groups: ranking.groups.map((group) => group.map(letter).sort()),
      strengths: (ranking.strengths ?? []).map(strengthName),
      said: Object.fromEntries(
        given
          .map(({ completionId, overall, flags }): [string, string] => [
            letter(completionId),
            sayIt(overall, flags),
          ])
          .sort(),
      ),
      allBad: ranking.allBad,
      note: ranking.note,
    };
  }

  it.each(SIZES.map((size, at) => ({ size, way: WAYS[at % 3] ?? 'keys', at })))(
    'of $size by $way: what is confirmed is what was meant, and exactly what is stored ($at)',
    async ({ size, way, at }) => {
      await taskOpened(page, 'Nothing is ranked yet');
      await page.getByRole('article', { name: `Completion ${completionLetter(size - 1)}` }).waitFor();
      const [assignment] = await db
        .select()
        .from(assignments)
        .where(and(eq(assignments.labelerId, labelerId), eq(assignments.state, 'active')));
      if (!assignment) throw new Error('No task is in hand.');
      expect(assignment.shownOrder).toHaveLength(size);

      const meant = meaning(size);
      if (way === 'duel') {
        const questions = await duel(meant);
        expect(questions).toBeLessThanOrEqual(
          size * Math.ceil(Math.log2(size)) - 2 ** Math.ceil(Math.log2(size)) + 1,
        );
      } else await place(meant, way);
      await say(meant);
      await press('Control+Enter');
      await page.getByRole('dialog').getByText('Submit this ranking?').waitFor();
      const confirmed = await readConfirmation();
      await press('Enter');
      await expect.poll(() => db.$count(rankings, eq(rankings.assignmentId, assignment.id))).toBe(1);

      expect(confirmed).toEqual({
        groups: meant.groups,
        strengths: meant.strengths.map(strengthName),
        said: Object.fromEntries(
          meant.rated.map(({ letter, overall, flags }) => [letter, sayIt(overall, flags)]),
        ),
        allBad: meant.allBad,
        note: meant.note,
      });
      expect(await readStored(assignment.id, assignment.shownOrder)).toEqual(confirmed);
      const last = at === SIZES.length - 1;
      await page.getByText(last ? 'Nothing to do right now' : 'Nothing is ranked yet').waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    },
  );
});
