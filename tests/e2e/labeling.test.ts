import { eq } from 'drizzle-orm';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, demonstrations, memberships, rankings } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { createUser } from '@/server/people/users.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { taskOpened } from '../support/task-opened.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const EMAIL = 'wanda@example.org';
const PASSWORD = 'a touchstone and a streak of gold';
const ANSWER = 'Rub the metal on the slate and look at the colour of the streak. 金';
const TEXTS = [
  'The river is the Ona.',
  'I do not know.',
  'The Ona.',
  'Which river? Which town? Which river?',
];

describe.skipIf(!hasChromium)('a contractor in the browser', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let page: Page;
  let labelerId: string;
  const textOf = new Map<string, string>();

  beforeAll(async () => {
    const labeler = await createUser(db, {
      email: EMAIL,
      name: 'Wanda',
      password: PASSWORD,
      role: 'contractor',
    });
    labelerId = labeler.id;
    const project = await seedProject(db, { name: 'Assay', guideline: '# Be helpful, truthful, harmless' });
    await db.insert(memberships).values({ userId: labeler.id, projectId: project.id, role: 'contractor' });
    await seedTask(db, await seedPrompt(db, project.id, 'How do I know gold from brass?'), { priority: 1 });
    const question = await seedPrompt(db, project.id, 'Which river runs through Belm?');
    for (const text of TEXTS) textOf.set((await seedCompletion(db, question, text)).id, text);
    await seedTask(db, question, { completionIds: [...textOf.keys()] });
    app = await startTestWebApp(url);
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('signs in', async () => {
    await page.goto(app.address);
    await page.getByLabel('E-mail address').fill(EMAIL);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('do not match').waitFor();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL((address) => !address.pathname.startsWith('/sign-in'));
  });

  it('writes a demonstration, which outlives a reload, and finds it stored', async () => {
    await page.goto(`${app.address}/work`);
    await taskOpened(page, 'How do I know gold from brass?');
    expect(await page.getByRole('button', { name: /Submit demonstration/ }).isDisabled()).toBe(true);
    await page.getByLabel('Your answer').fill(ANSWER);
    await page.getByText('Draft saved').waitFor();
    await page.reload();
    await expect.poll(() => page.getByLabel('Your answer').inputValue()).toBe(ANSWER);
    await taskOpened(page, '3 closing questions are open');
    for (const key of ['1', '2', '3']) await page.keyboard.press(key);
    await page.keyboard.press('Control+Enter');
    await taskOpened(page, 'Which river runs through Belm?');

    const stored = await db.select().from(demonstrations);
    expect(stored.map(({ text, labelerId: by, checklist }) => ({ text, by, checklist }))).toEqual([
      { text: ANSWER, by: labelerId, checklist: ['helpful', 'truthful', 'harmless'] },
    ]);
  });

  it('ranks four completions by keys, with a tie, and finds exactly that order stored', async () => {
    const submit = page.getByRole('button', { name: /Submit ranking/ });
    // Nothing is ranked before the labeler ranks it.
    expect(await submit.isDisabled()).toBe(true);
    const [assignment] = await db.select().from(assignments).where(eq(assignments.kind, 'ranking'));
    const shown = assignment?.shownOrder ?? [];
    expect([...shown].sort()).toEqual([...textOf.keys()].sort());
    const letters = ['A', 'B', 'C', 'D'];
    // B first, then A and D tied, then C.
    for (const [letter, keys] of [
      ['B', ['1']],
      ['A', ['2']],
      ['D', ['3', '=']],
      ['C', ['3']],
    ] as const) {
      await page.getByRole('button', { name: `Completion ${letter}`, exact: true }).click();
      for (const key of keys) await page.keyboard.press(key);
    }
    await page.keyboard.press('Control+Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Submit this ranking?').waitFor();
    const confirmed = await dialog.getByRole('listitem').allInnerTexts();
    await dialog.getByRole('button', { name: 'Confirm ranking' }).click();
    await page.getByText('Nothing to do right now').waitFor();

    const [ranking] = await db.select().from(rankings);
    const expected = [['B'], ['A', 'D'], ['C']].map((group) =>
      group.map((letter) => shown[letters.indexOf(letter)]).sort(),
    );
    expect(ranking?.groups.map((group) => [...group].sort())).toEqual(expected);
    expect(ranking?.labelerId).toBe(labelerId);
    // What was shown for confirmation is what is stored, text by text.
    expect(confirmed).toHaveLength(3);
    for (const [rank, group] of (ranking?.groups ?? []).entries()) {
      for (const id of group) expect(confirmed[rank]).toContain(textOf.get(id));
    }
  });

  it('shows both in the history', async () => {
    await page.goto(`${app.address}/work/history`);
    await page.getByText('How do I know gold from brass?').waitFor();
    await page.getByText('Which river runs through Belm?').waitFor();
  });
});
