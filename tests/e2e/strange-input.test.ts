import { eq } from 'drizzle-orm';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, demonstrations, tasks } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { passwordHash, seedCast } from '@/server/scenes/cast.ts';
import { axeViolations } from '../support/axe.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { openSession } from '../support/session.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const HOSTILE =
  '<script>alert(1)</script> <img src="http://evil.invalid/a.png" onerror="alert(2)"> ' +
  '[press me](javascript:alert(3)) ![seen](http://evil.invalid/b.png) <a href="javascript:alert(4)">here</a> ' +
  '<iframe src="http://evil.invalid/c"></iframe> <style>body{display:none}</style>';
/** A family (joined emoji), a zero-width space, a right-to-left override and its end, Arabic, a lone combining mark. */
const STRANGE = 'Family 👨‍👩‍👧‍👦 zero\u200Bwidth \u202Edesrever\u202C مرحبا بالعالم a\u0301 \uFEFFend';

describe.skipIf(!hasChromium)('strange text in the browser', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let page: Page;
  const dialogs: string[] = [];
  const elsewhere: string[] = [];

  beforeAll(async () => {
    await passwordHash();
    const project = await seedProject(db, { name: 'Assay', guideline: HOSTILE });
    const cast = await seedCast(db, project.id);
    await seedTask(db, await seedPrompt(db, project.id, HOSTILE), { priority: 3 });
    const question = await seedPrompt(db, project.id, `What is it? ${HOSTILE}`);
    const ids = [];
    for (const text of [HOSTILE, STRANGE]) ids.push((await seedCompletion(db, question, text)).id);
    await seedTask(db, question, { completionIds: ids, priority: 2 });
    await db.insert(tasks).values({
      projectId: project.id,
      kind: 'demonstration',
      priority: 1,
      brief: { form: 'few_shot', instruction: 'An instruction with examples about words.' },
    });
    app = await startTestWebApp(url);
    browser = await launchChromium();
    page = await (await openSession(browser, app.address, cast.contractor.email)).newPage();
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(app.address) && !request.url().startsWith('data:')) {
        elsewhere.push(request.url());
      }
    });
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  /** No script ran, nothing was fetched from elsewhere, and no link leads into a script. */
  async function nothingRan() {
    expect(dialogs).toEqual([]);
    expect(elsewhere).toEqual([]);
    expect(await page.locator('main script, main iframe, main style, main img').count()).toBe(0);
    expect(await page.locator('a[href^="javascript:" i]').count()).toBe(0);
  }

  it('markup in a prompt and in one’s own preview is shown letter by letter and never run', async () => {
    await page.goto(`${app.address}/work`);
    await page.getByText('<script>alert(1)</script>').first().waitFor();
    await page.getByLabel('Your answer').fill(`${HOSTILE}\n\n${STRANGE}`);
    await page.keyboard.press('Control+e');
    await page.getByRole('heading', { name: 'AS THE MODEL WILL SEE IT' }).waitFor();
    await page.getByText('<iframe src=').nth(1).waitFor();
    await nothingRan();
    await page.keyboard.press('Control+e');
  });

  it('emoji, zero-width and right-to-left text is stored byte for byte', async () => {
    await page.getByLabel('Your answer').press('Escape');
    for (const key of ['1', '2', '3']) await page.keyboard.press(key);
    await page.keyboard.press('Control+Enter');
    await page.getByText('What is it?').first().waitFor();
    const [stored] = await db.select({ text: demonstrations.text }).from(demonstrations);
    expect(stored?.text).toBe(`${HOSTILE}\n\n${STRANGE}`);
  });

  it('markup in completions is shown and never run', async () => {
    await page.getByText('مرحبا بالعالم').first().waitFor();
    await page.getByText('<style>body{display:none}</style>').first().waitFor();
    await nothingRan();
    await page.keyboard.press('s');
    await page.getByRole('button', { name: 'Something is broken' }).click();
    await page.getByRole('button', { name: 'Skip task' }).click();
  });

  it('a few-shot prompt is written, previewed and stored as turns', async () => {
    await page.getByLabel('Instruction').fill('Say the opposite.');
    await page.getByLabel('Input 1').fill('hot');
    await page.getByLabel('Output 1').fill('cold');
    await page.getByLabel('Input 2').fill('high');
    await page.getByText('Still to write: output 2, the last input.').waitFor();
    await page.getByLabel('Output 2').fill('low');
    await page.getByLabel('Last input').fill('مفتوح');
    await page.getByLabel('Your answer').fill('مغلق');
    expect(await axeViolations(page)).toEqual([]);
    await page.keyboard.press('Control+e');
    await page.getByText('Say the opposite.').waitFor();
    await page.keyboard.press('Control+e');
    await page.getByText('Draft saved').waitFor();
    await page.reload();
    await expect.poll(() => page.getByLabel('Output 2').inputValue()).toBe('low');
    for (const key of ['1', '2', '3']) await page.keyboard.press(key);
    await page.keyboard.press('Control+Enter');
    await page.getByText('Nothing to do right now').waitFor();
    const [stored] = await db
      .select({ prompt: demonstrations.writtenPrompt, text: demonstrations.text })
      .from(demonstrations)
      .where(eq(demonstrations.text, 'مغلق'));
    expect(stored?.prompt?.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'Say the opposite.\n\nhot'],
      ['assistant', 'cold'],
      ['user', 'high'],
      ['assistant', 'low'],
      ['user', 'مفتوح'],
    ]);
  });

  it('the history is searched, walked by keys, and gives a skipped task back', async () => {
    await page.goto(`${app.address}/work/history`);
    await page.locator('main li a').nth(2).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('مغلق opposite');
    await expect.poll(() => page.locator('main li a').count()).toBe(1);
    expect(await axeViolations(page)).toEqual([]);
    await page.getByLabel('Search your work').fill('');
    await page.getByLabel('State').selectOption('skipped');
    await expect.poll(() => page.locator('main li a').count()).toBe(1);
    await page.locator('h1').click();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByText('You skipped it: something is broken.').waitFor();
    await nothingRan();
    await page.keyboard.press('u');
    await page.getByRole('button', { name: /Submit ranking/ }).waitFor();
    const [back] = await db.select().from(assignments).where(eq(assignments.kind, 'ranking'));
    expect(back?.state).toBe('active');
  });
});
