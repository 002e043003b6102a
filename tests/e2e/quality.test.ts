/**
 * Those who run a project, in a real browser: an admin sees who stands apart, opens them, sees what their labels went
 * into, and revokes them.
 */
import { readFileSync } from 'node:fs';
import { Random } from '@touchstone/trainer/engine/random.ts';
import { and, eq } from 'drizzle-orm';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memberships, models } from '@/db/schema.ts';
import { seedModel, seedUser } from '@/db/seed.ts';
import { freezeDataset } from '@/server/datasets/freeze.ts';
import { hashPassword } from '@/server/people/passwords.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { HOUR, simulateRankings } from '../support/simulated-rankings.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const PASSWORD = 'a touchstone of slate';
const { db, url } = await openTestDatabase();

let web: WebApp;
let browser: Browser;
let context: BrowserContext;
let projectId = '';
let badId = '';

beforeAll(async () => {
  if (!hasChromium) return;
  const good = ['Noor', 'Sasha', 'Imre', 'Lucía'].map((name) => ({ name, noise: 0.7, ties: 0.05 }));
  const seeded = await simulateRankings(
    db,
    new Random(7),
    [...good, { name: 'Kim Adeyemi', noise: Number.POSITIVE_INFINITY, firstBonus: 1, secondsPerTask: 14 }],
    { tasks: 120, size: 4, guidelineAt: 200 * HOUR, every: 4 * HOUR, name: 'Everyday questions' },
  );
  projectId = seeded.projectId;
  badId = seeded.ids[4] ?? '';
  await seedUser(db, {
    role: 'admin',
    name: 'Ada Okafor',
    email: 'ada@example.org',
    passwordHash: await hashPassword(PASSWORD),
  });
  const version = await freezeDataset(db, { projectId, kind: 'rankings', createdBy: null });
  const reward = await seedModel(db, { projectId, name: 'Round 1 reward', kind: 'reward' });
  await db.update(models).set({ datasetVersionId: version.id }).where(eq(models.id, reward.id));
  await seedModel(db, { projectId, name: 'Round 2 reward', kind: 'reward', parentId: reward.id });
  web = await startTestWebApp(url);
  browser = await launchChromium();
  context = await browser.newContext({ reducedMotion: 'reduce' });
  context.setDefaultTimeout(20_000);
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await web?.stop();
});

async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found: { id: string; nodes: { target: unknown[] }[] }[] = await page.evaluate(
    'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((result) => result.violations)',
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(' | ')}`);
}

describe.skipIf(!hasChromium)('quality, for those who run it', () => {
  it('an admin finds the bad labeler, opens them, sees what their labels went into, and revokes them', async () => {
    const page = await context.newPage();
    await page.goto(`${web.address}/sign-in`);
    await page.getByLabel('E-mail address').fill('ada@example.org');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL((at) => !at.pathname.startsWith('/sign-in'));
    await page.getByRole('link', { name: 'Quality' }).click();

    const flags = page.getByRole('region', { name: 'What to look at' });
    await flags.getByText(/agrees with others on \d+\s%\s±\s\d+ of [\d,]+ pairs/).waitFor();
    expect(await flags.getByRole('listitem').allInnerTexts()).toHaveLength(3);
    for (const text of await flags.getByRole('listitem').allInnerTexts())
      expect(text).toContain('Kim Adeyemi');
    expect(await violationsOf(page)).toEqual([]);

    // Ordered by agreement with the keyboard, the one who guesses comes first, as the order is turned round.
    const labelers = page.getByRole('region', { name: 'Labelers' });
    await page.keyboard.press('s');
    await page.keyboard.press('Shift+S');
    expect(await labelers.getByRole('columnheader', { name: 'Agreement' }).getAttribute('aria-sort')).toBe(
      'ascending',
    );
    await expect.poll(() => labelers.getByRole('row').nth(1).textContent()).toContain('Kim Adeyemi');

    await labelers.getByRole('link', { name: 'Kim Adeyemi' }).click();
    await page.getByRole('heading', { level: 1, name: 'Kim Adeyemi' }).waitFor();
    await page.getByText('rankings 1', { exact: true }).waitFor();
    await page.getByText('Ranked first, by place on the page').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);

    await page.keyboard.press('x');
    const dialog = page.getByRole('dialog', { name: 'Revoke Kim Adeyemi?' });
    await dialog.getByRole('row', { name: /^rankings 1/ }).waitFor();
    expect(await dialog.getByRole('row', { name: /^rankings 1/ }).textContent()).toContain('20.0 %');
    await dialog.getByRole('row', { name: 'Round 1 reward trained on rankings 1' }).waitFor();
    await dialog.getByRole('row', { name: 'Round 2 reward begun from Round 1 reward' }).waitFor();
    const revoke = dialog.getByRole('button', { name: 'Revoke Kim Adeyemi' });
    expect(await revoke.isDisabled()).toBe(true);
    await dialog.getByLabel('What they are told').fill('Most of your rankings were made without reading.');
    expect(await violationsOf(page)).toEqual([]);
    await revoke.click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('“Most of your rankings were made without reading.”').waitFor();
    const [row] = await db
      .select()
      .from(memberships)
      .where(and(eq(memberships.userId, badId), eq(memberships.projectId, projectId)));
    expect(row).toMatchObject({
      standing: 'revoked',
      standingNote: 'Most of your rankings were made without reading.',
    });
    await page.getByRole('button', { name: 'Reinstate' }).waitFor();

    // The project's figures are those of the people who are left.
    await page.getByRole('link', { name: 'Quality' }).first().click();
    await page.getByText('Nobody stands apart by the rules that are checked').waitFor();
    await page.close();
  }, 240_000);
});
