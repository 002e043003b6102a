import { and, eq, isNull } from 'drizzle-orm';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, memberships, rankings, reviews, reviewVerdicts } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { freezeDataset } from '@/server/datasets/freeze.ts';
import { createUser } from '@/server/people/users.ts';
import { axeViolations } from '../support/axe.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { type Caller, person } from '../support/people.ts';
import { openSession } from '../support/session.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const EMAIL = 'rosa@example.org';
const PASSWORD = 'a touchstone and a streak of gold';
const TEXTS = ['The Ona.', 'I do not know.', 'Which river? Which river?'];

describe.skipIf(!hasChromium)('a reviewer in the browser', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let page: Page;
  let projectId: string;
  let reviewerId: string;
  const ids: string[] = [];
  const labelers: { api: Caller; assignmentId: string; labelId: string }[] = [];

  beforeAll(async () => {
    const reviewer = await createUser(db, {
      email: EMAIL,
      name: 'Rosa',
      password: PASSWORD,
      role: 'researcher',
    });
    reviewerId = reviewer.id;
    const review = { agreementBelow: 0.9, rewardMargin: null, sampled: 0 };
    const project = await seedProject(db, { name: 'Assay', settings: { review } });
    projectId = project.id;
    await db.insert(memberships).values({ userId: reviewer.id, projectId, role: 'researcher' });
    const prompt = await seedPrompt(db, projectId, 'Which river runs through Belm?');
    for (const text of TEXTS) ids.push((await seedCompletion(db, prompt, text)).id);
    await seedTask(db, prompt, { completionIds: ids, wantedLabels: 2 });
    for (const groups of [ids.map((id) => [id]), [...ids].reverse().map((id) => [id])]) {
      const { api } = await person(db, 'contractor', projectId);
      const next = await api.labeling.next({ projectId });
      if (next.status !== 'work') throw new Error(next.reason);
      const assignmentId = next.work.assignment.id;
      const { labelId } = await api.labeling.submit({
        assignmentId,
        idempotencyKey: `ranked ${assignmentId}`,
        content: {
          kind: 'ranking',
          groups,
          ratings: [{ completionId: ids[2] ?? '', overall: 2, flags: ['broken'] }],
        },
      });
      labelers.push({ api, assignmentId, labelId });
    }
    app = await startTestWebApp(url);
    browser = await launchChromium();
    const viewport = { width: 1280, height: 900 };
    const session = await openSession(browser, app.address, EMAIL, { password: PASSWORD, viewport });
    page = await session.newPage();
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  const shown = async () => {
    const [assignment] = await db.select().from(assignments).where(eq(assignments.kind, 'review'));
    return assignment?.shownOrder ?? [];
  };
  /** The letter by which the reviewer knows the completion at a place of TEXTS. */
  const letterOf = async (place: number) => 'ABC'.charAt((await shown()).indexOf(ids[place] ?? ''));
  it('sees why, the labels beside each other without their people, and what they dispute', async () => {
    await page.goto('/work');
    await page.getByText('Its labelers agree on 0 % of 3 pairs.').waitFor();
    const table = page.getByRole('table');
    expect(await table.getByText('3 of 3 pairs the opposite way round').count()).toBe(1);
    const rows = await table.getByRole('row').allInnerTexts();
    const first = rows.find((row) => row.startsWith('A'));
    expect(rows).toHaveLength(4);
    expect(first).toMatch(/≠ B, C/);
    const broken = rows.find((row) => row.includes('⚑1'));
    expect(broken).toMatch(
      new RegExp(`^${await letterOf(2)}\\s+3\\s*rated 2 ⚑1\\s+flag\\s+1\\s*rated 2 ⚑1\\s+flag`),
    );
    expect(await page.getByText('Label 2: Repetitive or broken').count()).toBe(1);
    expect(await page.locator('main').textContent()).not.toContain('contractor');
    expect(await axeViolations(page)).toEqual([]);
  });

  it('accepts, rejects with its why, and settles the order, by the keyboard alone', async () => {
    const submit = page.getByRole('button', { name: /Submit review/ });
    expect(await submit.isDisabled()).toBe(true);
    await page.keyboard.press('a');
    await expect
      .poll(() => page.getByRole('article', { name: 'Label 2' }).getAttribute('aria-current'))
      .toBe('true');
    await page.keyboard.press('x');
    await page.getByText('Say why label 2 is rejected').waitFor();
    expect(await submit.isDisabled()).toBe(true);
    // The field has the focus: letters that are keys elsewhere are text here.
    await page.keyboard.type('It asks back; a fact was wanted.');
    await page.keyboard.press('Escape');
    await expect.poll(() => submit.isDisabled()).toBe(false);

    await page.keyboard.press('w');
    await page.getByRole('heading', { name: 'Your own answer' }).waitFor();
    await page.getByText('Your own answer: 3 of 3 not ranked yet.').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    // While the answer is open the plain keys are its own, and the labels' take Shift.
    await page.keyboard.press('Shift+P');
    await expect
      .poll(() => page.getByRole('article', { name: 'Label 1' }).getAttribute('aria-current'))
      .toBe('true');
    for (const rank of ['1', '2', '2']) {
      await page.keyboard.press(rank);
      await page.keyboard.press('ArrowDown');
    }
    await page.getByText('Draft saved').waitFor();
    await page.keyboard.press('Control+Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Submit this review?').waitFor();
    await dialog.getByText('“It asks back; a fact was wanted.”').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('Nothing to do right now').waitFor();

    const [review] = await db.select().from(reviews).where(eq(reviews.labelerId, reviewerId));
    const given = await db
      .select({
        labelId: reviewVerdicts.labelId,
        verdict: reviewVerdicts.verdict,
        comment: reviewVerdicts.comment,
      })
      .from(reviewVerdicts)
      .where(eq(reviewVerdicts.reviewId, review?.id ?? ''));
    expect(given).toEqual([
      { labelId: labelers[0]?.labelId, verdict: 'accepted', comment: '' },
      { labelId: labelers[1]?.labelId, verdict: 'rejected', comment: 'It asks back; a fact was wanted.' },
    ]);
    const [own] = await db
      .select()
      .from(rankings)
      .where(and(eq(rankings.labelerId, reviewerId), isNull(rankings.supersededAt)));
    const [a = '', b = '', c = ''] = await shown();
    // A first, B second, then C put at the second rank before it.
    expect(own?.groups).toEqual([[a], [c], [b]]);
    const version = await freezeDataset(db, { projectId, kind: 'rankings', createdBy: null });
    expect(version).toMatchObject({ counts: { total: 2 }, leftOut: { rejected: 1 } });
  });

  it('is found in the history with the labels that were judged, and tells what is frozen', async () => {
    await page.goto('/work/history');
    await page.getByText('Which river runs through Belm?').click();
    await page.getByRole('heading', { name: 'Your own answer' }).waitFor();
    await page.getByText('“It asks back; a fact was wanted.”').waitFor();
    expect(await page.getByRole('button', { name: 'Frozen: no longer editable' }).isDisabled()).toBe(true);
    expect(await axeViolations(page)).toEqual([]);
  });
});
