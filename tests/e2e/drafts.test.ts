import { desc, eq, sql } from 'drizzle-orm';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, demonstrations, draftRevisions, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask, seedUser } from '@/db/seed.ts';
import { hashPassword } from '@/server/people/passwords.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { openSession } from '../support/session.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const PASSWORD = 'no word of it was lost';
const FIRST = 'How do I tell gold from brass?';
const SECOND = 'What is slate made of?';

describe.skipIf(!hasChromium)('what is typed', async () => {
  const { db, url } = await openTestDatabase();
  const passwordHash = await hashPassword(PASSWORD);
  let app: WebApp;
  let browser: Browser;

  beforeAll(async () => {
    app = await startTestWebApp(url);
    browser = await launchChromium();
  }, 900_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  /** A person with a project of their own, two demonstrations to write in it, and the first of them on the screen. */
  async function atWork(name: string) {
    const project = await seedProject(db);
    const email = `${name}@example.org`;
    const { id: labelerId } = await seedUser(db, { email, passwordHash, projectId: project.id });
    await seedTask(db, await seedPrompt(db, project.id, FIRST), { priority: 2 });
    await seedTask(db, await seedPrompt(db, project.id, SECOND), { priority: 1 });
    const context = await openSession(browser, app.address, email, { password: PASSWORD });
    context.setDefaultTimeout(45_000);
    const page = await openWork(context);
    /** The draft that the database holds of the first task. */
    const draft = async () => {
      const [row] = await db
        .select({ id: assignments.id, taskId: assignments.taskId, draft: assignments.draft })
        .from(assignments)
        .where(eq(assignments.labelerId, labelerId))
        .orderBy(assignments.id)
        .limit(1);
      return row;
    };
    const savedText = async () => {
      const content = (await draft())?.draft;
      return content?.kind === 'demonstration' ? content.text : null;
    };
    const kept = async () => {
      const rows = await db
        .select({ content: draftRevisions.content })
        .from(draftRevisions)
        .innerJoin(assignments, eq(assignments.id, draftRevisions.assignmentId))
        .where(eq(assignments.labelerId, labelerId))
        .orderBy(desc(draftRevisions.id));
      return rows.map(({ content }) => (content.kind === 'demonstration' ? content.text : ''));
    };
    return { email, labelerId, context, page, draft, savedText, kept };
  }

  async function openWork(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto('/work');
    await answer(page).waitFor();
    return page;
  }

  const answer = (page: Page) => page.getByLabel('Your answer');
  const soon = { timeout: 45_000, interval: 100 };

  it('is in the database while the typing goes on, without a pause for it, and after a reload on the page', async () => {
    const { page, context, savedText } = await atWork('typing');
    await answer(page).focus();
    let typing = true;
    const typed = page.keyboard.type('word '.repeat(40), { delay: 50 }).then(() => {
      typing = false;
    });
    await expect.poll(savedText, soon).toMatch(/^word/);
    expect(typing).toBe(true);
    await typed;
    await expect.poll(savedText, soon).toBe('word '.repeat(40));
    // Without any time to save it.
    await page.keyboard.type('end');
    await page.reload();
    await expect.poll(() => answer(page).inputValue(), soon).toBe(`${'word '.repeat(40)}end`);
    await context.close();
  }, 180_000);

  it('goes on where it was after the server was stopped and started again in the middle of it', async () => {
    const { page, context, savedText } = await atWork('server');
    await answer(page).fill('Before the server stopped.');
    await expect.poll(savedText, soon).toBe('Before the server stopped.');
    await app.stop();
    await answer(page).fill('Before the server stopped, and while it was away.');
    await page.getByText('The server does not answer.').waitFor();
    app = await startTestWebApp(url, { port: Number(new URL(app.address).port) });
    await expect.poll(savedText, soon).toBe('Before the server stopped, and while it was away.');
    await page.getByText('The server does not answer.').waitFor({ state: 'detached' });
    await context.close();
  }, 180_000);

  it('in two tabs at once is asked about, and both texts are kept, whichever is chosen', async () => {
    const { page: first, context, savedText, kept } = await atWork('tabs');
    const second = await openWork(context);
    // What one tab saves, the other shows.
    await answer(first).fill('Common ground.');
    await expect.poll(() => answer(second).inputValue(), soon).toBe('Common ground.');
    await context.setOffline(true);
    await answer(first).fill('Common ground, and the first tab.');
    await answer(second).fill('Common ground, and the second tab.');
    await context.setOffline(false);
    const asked = (page: Page) => page.getByRole('dialog', { name: /changed in another tab/ });
    await expect
      .poll(async () => (await asked(first).isVisible()) || (await asked(second).isVisible()), soon)
      .toBe(true);
    const [loser, theirs, mine] = (await asked(first).isVisible())
      ? [first, 'Common ground, and the second tab.', 'Common ground, and the first tab.']
      : [second, 'Common ground, and the first tab.', 'Common ground, and the second tab.'];
    expect(await savedText()).toBe(theirs);
    await asked(loser).getByRole('button', { name: 'Use the other tab’s' }).click();
    await expect.poll(() => answer(loser).inputValue(), soon).toBe(theirs);
    await expect.poll(kept, soon).toContain(mine);
    // It can be brought back, and then the other is kept.
    await loser.getByRole('button', { name: /Earlier drafts/ }).click();
    await loser
      .getByRole('button', { name: /Bring back/ })
      .first()
      .click();
    await expect.poll(savedText, soon).toBe(mine);
    expect(await kept()).toContain(theirs);
    await context.close();
  }, 180_000);

  it('and handed in without a connection is sent by itself, also from a closed tab, and once', async () => {
    const { page, context, labelerId } = await atWork('offline');
    await answer(page).fill('Rub it on the slate.');
    for (const question of await page.getByRole('group').getByRole('button').all()) await question.click();
    await context.setOffline(true);
    await answer(page).fill('Rub it on the slate, without a connection.');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('dialog', { name: /waits to be sent/ }).waitFor();
    await page.close();
    const stored = () =>
      db
        .select({ text: demonstrations.text })
        .from(demonstrations)
        .where(eq(demonstrations.labelerId, labelerId));
    expect(await stored()).toEqual([]);
    await context.setOffline(false);
    const back = await context.newPage();
    await back.goto('/work');
    await back.getByText(SECOND).first().waitFor();
    expect(await stored()).toEqual([{ text: 'Rub it on the slate, without a connection.' }]);
    await context.close();
  }, 180_000);

  it('in a session that was lost is kept, and saved when the person signs in again on the page', async () => {
    const { page, context, savedText } = await atWork('session');
    await context.clearCookies();
    await answer(page).fill('Typed after the session was gone.');
    await page.getByText('You are signed out.').waitFor();
    expect(await savedText()).toBe(null);
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
    await expect.poll(savedText, soon).toBe('Typed after the session was gone.');
    expect(await answer(page).inputValue()).toBe('Typed after the session was gone.');
    await context.close();
  }, 180_000);

  it('by one person is neither shown nor sent to the next on the same browser, and waits for the first', async () => {
    const { page, context, savedText } = await atWork('one');
    const other = await atWork('other');
    await context.setOffline(true);
    await answer(page).fill('Nobody else’s to read.');
    await page.getByText('offline, kept here').waitFor();
    // The session first: a page that closes tries once more, and its connection is back by then.
    const cookies = await context.cookies();
    await context.clearCookies();
    await page.close();
    await context.setOffline(false);
    await context.addCookies(await other.context.cookies());
    const theirs = await openWork(context);
    expect(await answer(theirs).inputValue()).toBe('');
    expect(await other.savedText()).toBe(null);
    await theirs.close();
    expect(await savedText()).toBe(null);
    await context.clearCookies();
    await context.addCookies(cookies);
    const again = await openWork(context);
    await expect.poll(() => answer(again).inputValue(), soon).toBe('Nobody else’s to read.');
    expect(await savedText()).toBe('Nobody else’s to read.');
    await context.close();
    await other.context.close();
  }, 180_000);

  it('on a lease that ran out meanwhile is saved, and a reload brings the same task and text back', async () => {
    const { page, context, draft, savedText } = await atWork('lease');
    await answer(page).fill('Before the lease ran out.');
    await expect.poll(savedText, soon).toBe('Before the lease ran out.');
    const { id = '', taskId = '' } = (await draft()) ?? {};
    await db
      .update(assignments)
      .set({ state: 'expired', leaseUntil: null, endedAt: sql`now()` })
      .where(eq(assignments.id, id));
    await db
      .update(tasks)
      .set({ taken: sql`${tasks.taken} - 1` })
      .where(eq(tasks.id, taskId));
    await answer(page).fill('Before the lease ran out, and after.');
    await expect.poll(savedText, soon).toBe('Before the lease ran out, and after.');
    await page.reload();
    await page.getByText(FIRST).first().waitFor();
    await expect.poll(() => answer(page).inputValue(), soon).toBe('Before the lease ran out, and after.');
    expect((await draft())?.id).toBe(id);
    await context.close();
  }, 180_000);

  it('in a tab whose task another tab handed in is kept, and that is said', async () => {
    const { page: first, context, kept } = await atWork('handed-in');
    await answer(first).fill('The answer.');
    for (const question of await first.getByRole('group').getByRole('button').all()) await question.click();
    const second = await openWork(context);
    await expect.poll(() => answer(second).inputValue(), soon).toBe('The answer.');
    // What the second tab types next does not get through before the first hands in.
    await second.route(/saveDraft/, (route) => route.abort());
    await answer(second).fill('The answer, in another tab.');
    await first.keyboard.press('Control+Enter');
    await second.getByRole('dialog', { name: /handed in from another tab/ }).waitFor();
    await second.unroute(/saveDraft/);
    await expect.poll(kept, soon).toContain('The answer, in another tab.');
    await second.getByRole('button', { name: 'Take the next task' }).click();
    await second.getByText(SECOND).first().waitFor();
    await context.close();
  }, 180_000);
});
