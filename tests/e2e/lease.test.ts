import { and, eq, sql } from 'drizzle-orm';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, demonstrations, type Message, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { releaseExpired } from '@/server/labeling/assign.ts';
import { passwordHash, seedCast } from '@/server/scenes/cast.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { person } from '../support/people.ts';
import { openSession } from '../support/session.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const FIRST = 'How is slate split?';
const SECOND = 'What is gold rubbed on?';
const THIRD = 'Which metal leaves a grey streak?';
const ANSWER = 'With a broad chisel, along the bed.';
/** Turns of the conversation that is the last task. */
const TURNS = 12;
const WAIT = { timeout: 30_000 };

describe.skipIf(!hasChromium)('a lease in the browser', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let projectId: string;
  let labelerId: string;

  beforeAll(async () => {
    await passwordHash();
    // Renewed every five seconds.
    const project = await seedProject(db, { settings: { leaseSeconds: 15 } });
    projectId = project.id;
    const cast = await seedCast(db, project.id);
    labelerId = cast.contractor.id;
    for (const [index, question] of [FIRST, SECOND, THIRD].entries()) {
      await seedTask(db, await seedPrompt(db, project.id, question), { priority: 9 - index });
    }
    const turns: Message[] = Array.from({ length: TURNS - 1 }, (_, index) => ({
      role: index % 2 === 0 ? 'assistant' : 'user',
      content: `Turn ${index + 2}.`,
    }));
    await seedTask(db, await seedPrompt(db, project.id, [{ role: 'user', content: 'Turn 1.' }, ...turns]));
    app = await startTestWebApp(url);
    browser = await launchChromium();
    context = await openSession(browser, app.address, cast.contractor.email);
    page = await context.newPage();
    await page.goto('/work');
  }, 400_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  /** The contractor's lease is over, and its place is free again. */
  async function runOut() {
    const ours = and(eq(assignments.labelerId, labelerId), eq(assignments.state, 'active'));
    const [lost] = await db
      .update(assignments)
      .set({ leaseUntil: sql`now() - interval '1 second'` })
      .where(ours)
      .returning();
    if (!lost) throw new Error('There is no lease to run out.');
    await releaseExpired(db, projectId);
    return lost;
  }

  const stateOf = async (id: string) =>
    (await db.select().from(assignments).where(eq(assignments.id, id)))[0]?.state;

  it('that ran out is taken back by the open page, with the text as it stood', async () => {
    await page.getByText(FIRST).first().waitFor();
    await page.getByLabel('Your answer').fill(ANSWER);
    await page.getByText('Draft saved').waitFor();
    const lost = await runOut();
    await expect.poll(() => stateOf(lost.id), WAIT).toBe('active');
    const [task] = await db.select().from(tasks).where(eq(tasks.id, lost.taskId));
    expect(task?.taken).toBe(1);
    expect(await page.getByLabel('Your answer').inputValue()).toBe(ANSWER);
    expect(await page.getByText('Your hold on this task ran out').count()).toBe(0);
  });

  it('lost to somebody else is said, and the text handed in late is set aside, letter for letter', async () => {
    const lost = await runOut();
    const { api: other } = await person(db, 'contractor', projectId);
    const next = await other.labeling.next({ projectId });
    if (next.status !== 'work') throw new Error(next.reason);
    expect(next.work.assignment.taskId).toBe(lost.taskId);
    await page.getByText('Your hold on this task ran out').waitFor(WAIT);
    await page.getByLabel('Your answer').fill(`${ANSWER} Then dress it.`);
    await page.getByLabel('Your answer').blur();
    for (const key of ['1', '2', '3', 'Control+Enter']) await page.keyboard.press(key);
    await page.getByText('set aside as late').waitFor(WAIT);
    const stored = await db.select().from(demonstrations).where(eq(demonstrations.assignmentId, lost.id));
    expect(stored).toMatchObject([{ text: `${ANSWER} Then dress it.`, late: true }]);
    expect(await stateOf(lost.id)).toBe('late');
  });

  it('of a task handed in from another tab is over, and this tab says so', async () => {
    await page.getByText(SECOND).first().waitFor(WAIT);
    const second = await context.newPage();
    await second.goto('/work');
    await second.getByText(SECOND).first().waitFor(WAIT);
    const [held] = await db
      .select()
      .from(assignments)
      .where(and(eq(assignments.labelerId, labelerId), eq(assignments.state, 'active')));
    // Through the API: the tab hears of it from the server alone, as it would from another machine.
    const answer = await context.request.post('/api/trpc/labeling.submit', {
      data: {
        json: {
          assignmentId: held?.id,
          idempotencyKey: 'from another machine',
          content: { kind: 'demonstration', text: 'Slate.', checklist: [] },
        },
      },
    });
    expect(answer.status()).toBe(200);
    for (const tab of [page, second]) {
      await tab.getByText('was handed in from another tab').first().waitFor(WAIT);
    }
    await second.close();
    await page.reload();
    await page.getByText(THIRD).first().waitFor(WAIT);
  });

  it('of a conversation shows its last turns, and on a key the whole', async () => {
    const [held] = await db
      .select()
      .from(assignments)
      .where(and(eq(assignments.labelerId, labelerId), eq(assignments.state, 'active')));
    await context.request.post('/api/trpc/labeling.skip', {
      data: { json: { assignmentId: held?.id, reason: 'unclear' } },
    });
    await page.reload();
    const prompt = page.getByRole('region', { name: 'Prompt' });
    await prompt.getByText(`Turn ${TURNS}.`).waitFor(WAIT);
    expect(await prompt.getByRole('listitem').count()).toBe(4);
    expect(await prompt.getByRole('button', { name: `Show ${TURNS - 4} earlier turns` }).count()).toBe(1);
    await page.keyboard.press('t');
    await expect.poll(() => prompt.getByRole('listitem').count()).toBe(TURNS);
    await page.keyboard.press('t');
    await expect.poll(() => prompt.getByRole('listitem').count()).toBe(4);
  });
});
