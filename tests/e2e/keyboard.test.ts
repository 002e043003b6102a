import { eq } from 'drizzle-orm';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, demonstrations, rankings, ratings } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask, seedUser } from '@/db/seed.ts';
import { hashPassword } from '@/server/people/passwords.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { taskOpened } from '../support/task-opened.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

/* No pointer in this file: whatever is done here is done with keys. */

const EMAIL = 'kay@example.org';
const PASSWORD = 'no pointer was moved for this';
const ANSWER = 'Rub it on the slate: gold leaves a yellow streak, brass a grey one.';
const LETTERS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I'];
/** Stops of Tab on one page at most. */
const MOST_STOPS = 150;

describe.skipIf(!hasChromium)('a contractor without a pointer', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const project = await seedProject(db, { settings: { strengths: true, ratings: 'optional' } });
    await seedUser(db, {
      email: EMAIL,
      passwordHash: await hashPassword(PASSWORD),
      projectId: project.id,
    });
    await seedTask(db, await seedPrompt(db, project.id, 'How do I tell gold from brass?'), { priority: 3 });
    const question = await seedPrompt(db, project.id, 'Which river runs through Belm?');
    const completionIds: string[] = [];
    for (const letter of LETTERS) {
      completionIds.push((await seedCompletion(db, question, `The river is the ${letter}.`)).id);
    }
    await seedTask(db, question, { completionIds, priority: 2 });
    await seedTask(db, await seedPrompt(db, project.id, 'Write something about slate.'), { priority: 1 });
    app = await startTestWebApp(url);
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  }, 400_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  async function press(...keys: string[]) {
    for (const key of keys) await page.keyboard.press(key);
  }

  /** Goes with Tab to what bears a name. */
  async function tabTo(name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab') {
    for (let stop = 0; stop < MOST_STOPS; stop++) {
      await press(key);
      const here = await page.evaluate(() => {
        const focused = document.activeElement;
        return focused?.getAttribute('aria-label') ?? focused?.textContent ?? '';
      });
      if (name.test(here)) return;
    }
    throw new Error(`Tab does not come to ${name}.`);
  }

  /** What was read out last. */
  const announced = () =>
    page
      .getByRole('status')
      .first()
      .textContent()
      .then((text) => text?.replace('\u00a0', '') ?? '');

  async function ranking() {
    const [row] = await db
      .select({ assignment: assignments, ranking: rankings })
      .from(rankings)
      .innerJoin(assignments, eq(assignments.id, rankings.assignmentId))
      .orderBy(rankings.version);
    if (!row) throw new Error('No ranking is stored.');
    return row;
  }

  it('signs in', async () => {
    await page.goto(`${app.address}/sign-in`);
    await page.getByLabel('E-mail address').waitFor();
    for (let stop = 0; stop < MOST_STOPS; stop++) {
      if (await page.evaluate(() => document.activeElement instanceof HTMLInputElement)) break;
      await press('Tab');
    }
    await page.keyboard.type(EMAIL);
    await press('Tab');
    await page.keyboard.type(PASSWORD);
    await press('Enter');
    await page.waitForURL((address) => !address.pathname.startsWith('/sign-in'));
  });

  it('writes a demonstration that outlives a reload, and submits it', async () => {
    await page.goto(`${app.address}/work`);
    await taskOpened(page, 'How do I tell gold from brass?');
    await press('e');
    await page.keyboard.type(ANSWER);
    await page.getByText('Draft saved').waitFor();
    await page.reload();
    await expect.poll(() => page.getByLabel('Your answer').inputValue()).toBe(ANSWER);
    await taskOpened(page, '3 closing questions are open');
    await press('1', '2', '3', 'Control+Enter');
    await taskOpened(page, 'Which river runs through Belm?');
    const stored = await db.select().from(demonstrations);
    expect(stored.map(({ text, checklist }) => ({ text, checklist }))).toEqual([
      { text: ANSWER, checklist: ['helpful', 'truthful', 'harmless'] },
    ]);
  });

  it('ranks nine with ties and strengths, hears every move, confirms, and submits', async () => {
    // A first; B tied with it; then C to I one below the other; then H up beside G.
    await press('1');
    await expect.poll(announced).toBe('A at rank 1 of 1.');
    await press('ArrowDown', '2');
    await expect.poll(announced).toBe('B at rank 2 of 2.');
    await press('=');
    await expect.poll(announced).toBe('B at rank 1 of 1, tied with A.');
    for (const [at] of LETTERS.slice(2).entries()) await press('ArrowDown', String(at + 2));
    await expect.poll(announced).toBe('I at rank 8 of 8.');
    // Selection and focus are one thing.
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('select-I');
    await press('ArrowUp', '=');
    await expect.poll(announced).toBe('H at rank 6 of 7, tied with G.');

    // One step too many, back, and forth, and back again.
    await press('Shift+ArrowUp');
    await expect.poll(announced).toBe('H at rank 6 of 8.');
    await press('Control+z');
    await expect.poll(announced).toBe('Move undone. 1 A = B, 2 C, 3 D, 4 E, 5 F, 6 G = H, 7 I.');
    await press('Control+Shift+z', 'Control+z');
    await expect.poll(announced).toMatch(/^Move undone\. .* 6 G = H, 7 I\.$/);

    // Rating and flags without leaving the flow: what digits do is said and shown.
    await press('r');
    await expect.poll(announced).toBe('1–7 rates H; 0 takes its rating away.');
    await press('5');
    await expect.poll(announced).toBe('H rated 5 of 7.');
    await press('f', '2', '9');
    await expect.poll(announced).toBe('H has 2 flags.');

    // Two side by side, the other side, another completion there, and all of them again.
    await press('c');
    const beside = page.getByRole('region', { name: 'Side by side' });
    await beside.getByRole('heading', { name: 'H beside I' }).waitFor();
    await press('ArrowRight', 'ArrowUp');
    await beside.getByRole('heading', { name: 'H beside G' }).waitFor();
    await press('d');
    await expect.poll(announced).toBe('Differences are marked.');
    expect(await beside.locator('mark').count()).toBe(2);
    await press('d', 'c');
    await beside.waitFor({ state: 'detached' });

    await press('w');
    await expect.poll(announced).toBe('1–4: how much better rank 1 is than 2.');
    await press('4', '3', '2', '1', '1', '2');
    await expect.poll(announced).toBe('Rank 6 is slightly better than rank 7.');
    await press('b', 'n');
    await page.keyboard.type('= 1 b');
    await press('Escape', 'Control+Enter');
    await page.getByRole('dialog').getByText('Submit this ranking?').waitFor();
    // Escape goes back, nothing is sent; Enter confirms.
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await db.select().from(rankings)).toEqual([]);
    await press('Control+Enter');
    await page.getByRole('dialog').getByText('Submit this ranking?').waitFor();
    await press('Enter');
    await taskOpened(page, 'Write something about slate.');

    const { assignment, ranking: stored } = await ranking();
    const id = (letter: string) => assignment.shownOrder[LETTERS.indexOf(letter)];
    expect(stored.groups).toEqual(
      [['A', 'B'], ['C'], ['D'], ['E'], ['F'], ['G', 'H'], ['I']].map((group) => group.map(id)),
    );
    expect(stored.strengths).toEqual([
      'significant',
      'better',
      'slight',
      'negligible',
      'negligible',
      'slight',
    ]);
    expect(stored).toMatchObject({ allBad: true, note: '= 1 b' });
    const given = await db.select().from(ratings).where(eq(ratings.rankingId, stored.id));
    expect(given).toMatchObject([
      { completionId: id('H'), overall: 5, flags: ['hallucination', 'wrong_language'] },
    ]);
  });

  it('skips with a reason, and undoes it', async () => {
    await press('s');
    await page.getByRole('dialog').getByText('Skip this task?').waitFor();
    await tabTo(/^The prompt is unclear/);
    await press('Space');
    await tabTo(/^Skip task/);
    await press('Enter');
    await page.getByText('Nothing to do right now').waitFor();
    const [skipped] = await db.select().from(assignments).where(eq(assignments.state, 'skipped'));
    expect(skipped?.skipReason).toBe('unclear');
    await tabTo(/^Undo/, 'Shift+Tab');
    await press('Enter');
    await taskOpened(page, 'Write something about slate.');
    await expect
      .poll(() => db.select().from(assignments).where(eq(assignments.state, 'active')))
      .toMatchObject([{ id: skipped?.id }]);
  });

  it('changes a label in the history; the older version is kept', async () => {
    await page.goto(`${app.address}/work/history`);
    await page.getByText('Which river runs through Belm?').waitFor();
    await tabTo(/Which river runs through Belm/);
    await press('Enter');
    await page.getByText('Version 1').first().waitFor();
    await tabTo(/^Edit/);
    await press('Enter');
    await page.getByText('YOUR ORDER').waitFor();
    // A, selected, out of its tie and to the end; the strengths around it are asked for again.
    await press('8');
    await expect.poll(announced).toBe('A at rank 8 of 8.');
    await press('w', '1', '1');
    await tabTo(/^Save version 2/);
    await press('Enter');
    await page.getByText('New version saved').waitFor();

    const versions = await db.select().from(rankings).orderBy(rankings.version);
    const { assignment } = await ranking();
    const id = (letter: string) => assignment.shownOrder[LETTERS.indexOf(letter)];
    expect(versions.map(({ version, supersededAt }) => [version, supersededAt === null])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(versions[0]?.groups[0]).toEqual([id('A'), id('B')]);
    expect(versions[1]?.groups).toEqual(
      [['B'], ['C'], ['D'], ['E'], ['F'], ['G', 'H'], ['I'], ['A']].map((group) => group.map(id)),
    );
    expect(versions[1]?.strengths).toEqual([
      'negligible',
      'better',
      'slight',
      'negligible',
      'negligible',
      'slight',
      'negligible',
    ]);
  });
});
