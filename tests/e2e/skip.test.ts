import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments } from '@/db/schema.ts';
import { seedScene } from '@/server/scenes/scenes.ts';
import { MORE_PROMPTS, PROMPT } from '@/server/scenes/texts.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { openSession } from '../support/session.ts';
import { taskOpened } from '../support/task-opened.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

describe.skipIf(!hasChromium)('skipping', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const scene = await seedScene(db, 'demonstration');
    app = await startTestWebApp(url);
    browser = await launchChromium();
    page = await (await openSession(browser, app.address, scene.as)).newPage();
    await page.goto('/work');
    await taskOpened(page, PROMPT.slice(0, 60));
  }, 400_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  const prompt = () => page.getByRole('region', { name: 'Prompt', exact: true });
  const first = () => prompt().getByText(PROMPT.slice(0, 60)).first();
  const second = () =>
    prompt()
      .getByText((MORE_PROMPTS[0] ?? '').slice(0, 60))
      .first();
  const skipped = async () => {
    const rows = await db.select().from(assignments);
    return rows.filter(({ state }) => state === 'skipped').map(({ skipReason }) => skipReason);
  };

  it('takes a key and a digit while nothing is typed, and another key brings the task back', async () => {
    await page.keyboard.press('s');
    await page.getByRole('dialog').getByText('A digit skips it at once.').waitFor();
    await page.keyboard.press('2');
    await second().waitFor();
    expect(await skipped()).toEqual(['too_hard']);
    await page.getByText('Z undoes it, for 10 seconds.').waitFor();
    // The next task begins at its heading: the key is the page's, and the undo is not stolen by it.
    await page.keyboard.press('z');
    await first().waitFor();
    expect(await skipped()).toEqual([]);
    await page.getByRole('button', { name: 'Undo' }).waitFor({ state: 'detached' });
  });

  it('asks for a confirmation once something is typed, and keeps it', async () => {
    await page.getByLabel('Your answer').fill('Half an answer.');
    await page.getByText('Draft saved').waitFor();
    await page.getByRole('heading', { name: 'Demonstration', exact: true }).focus();
    await page.keyboard.press('s');
    await page.getByRole('dialog').getByText('What you typed is kept with it.').waitFor();
    await page.keyboard.press('1');
    await page.getByRole('button', { name: 'The prompt is unclear', pressed: true }).waitFor();
    expect(await skipped()).toEqual([]);
    await page.keyboard.press('Enter');
    await second().waitFor();
    expect(await skipped()).toEqual(['unclear']);
    await page.keyboard.press('z');
    await first().waitFor();
    await expect.poll(() => page.getByLabel('Your answer').inputValue()).toBe('Half an answer.');
  });
});
