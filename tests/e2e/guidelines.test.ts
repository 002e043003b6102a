import { eq } from 'drizzle-orm';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignments, guidelineReads } from '@/db/schema.ts';
import { publishGuideline } from '@/server/labeling/guidelines.ts';
import type { Scene } from '@/server/scenes/scene.ts';
import { seedScene } from '@/server/scenes/scenes.ts';
import { axeViolations } from '../support/axe.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { openSession } from '../support/session.ts';
import { taskOpened } from '../support/task-opened.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

describe.skipIf(!hasChromium)('guidelines beside the work', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let scene: Scene;
  let page: Page;

  beforeAll(async () => {
    scene = await seedScene(db, 'guidelines-changed');
    app = await startTestWebApp(url);
    browser = await launchChromium();
    const context = await openSession(browser, app.address, scene.as, {
      viewport: { width: 1280, height: 900 },
    });
    page = await context.newPage();
    await page.goto('/work');
    await taskOpened(page, 'Ranking');
  }, 400_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  const news = () => page.getByRole('region', { name: 'News of the guidelines' });

  it('says that there is a version not yet read, and what changed in it, word by word', async () => {
    await news().getByText('The guidelines have a new version, 2.').waitFor();
    await news().getByText('Numbers carry their unit.').waitFor();
    await news().getByRole('button', { name: 'What changed' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('ins', { hasText: 'kindly' }).waitFor();
    expect(await dialog.locator('ins').allInnerTexts()).toEqual(
      expect.arrayContaining([expect.stringContaining('4. Numbers carry their unit.')]),
    );
    expect(await axeViolations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('shows the guide of the kind in the same pane, by a key', async () => {
    await page.keyboard.press('h');
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('tab', { name: 'Ranking completions', selected: true }).waitFor();
    await dialog.getByText('You compare answers that models gave to one prompt.').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('is quiet once it is read, by a key, also after a reload', async () => {
    await page.keyboard.press('Shift+G');
    await news().waitFor({ state: 'detached' });
    await expect.poll(() => db.select().from(guidelineReads)).toHaveLength(2);
    await page.reload();
    await page.getByRole('button', { name: 'Guidelines v2', exact: true }).waitFor();
    expect(await news().count()).toBe(0);
  });

  it('says that a version appeared meanwhile, and keeps the task with its own until the labeler takes it on', async () => {
    await publishGuideline(db, {
      projectId: scene.projectId,
      markdown: 'Only this.',
      changeNote: 'All new.',
      baseVersion: 2,
      authorId: null,
    });
    await page.reload();
    await page.getByRole('button', { name: 'Guidelines v2 · v3 is out' }).waitFor();
    await news().getByText('This task stays with version 2 unless you choose otherwise.').waitFor();
    const versionOfTask = async () => {
      const [active] = await db.select().from(assignments).where(eq(assignments.state, 'active'));
      const row = await db.query.guidelines.findFirst({
        where: (one, { eq: is }) => is(one.id, active?.guidelineId ?? ''),
      });
      return row?.version;
    };
    expect(await versionOfTask()).toBe(2);
    await news().getByRole('button', { name: 'Go by version 3' }).click();
    await page.getByRole('button', { name: 'Guidelines v3', exact: true }).waitFor();
    expect(await versionOfTask()).toBe(3);
    expect(await news().count()).toBe(0);
  });
});
