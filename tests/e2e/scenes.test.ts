import { sql } from 'drizzle-orm';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCENE_NAMES, type SceneName, seedScene } from '@/server/scenes/scenes.ts';
import { axeViolations } from '../support/axe.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { openSession } from '../support/session.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';

/** What stands on the page that a scene is about, and would not without the scene. */
const SEEN: Record<SceneName, string | RegExp> = {
  'whole-product': 'Round 2',
  'ranking-k2': 'Completion B',
  'ranking-k4': 'Completion D',
  'ranking-k9': 'Completion I',
  'ranking-long': 'stone walls are built',
  'ranking-strange': 'careful translator',
  'ranking-strengths': 'Completion D',
  demonstration: 'My sister keeps a bakery',
  'demonstration-long-draft': /10,\d{3} words/,
  'demonstration-few-shot': 'instruction with two or three examples',
  'review-ranking': 'My sister keeps a bakery',
  'review-demonstration': 'What is 17 % of 240',
  'guidelines-changed': 'My sister keeps a bakery',
  screening: /\?/,
  gold: 'Median time',
  'history-many': 'what should everybody know about soup?',
  quality: 'Hiro Achterberg',
  'empty-project': 'No tasks yet',
  'nothing-to-do': 'Nothing to do right now',
  warned: 'My sister keeps a bakery',
};

describe.skipIf(!hasChromium)('scenes', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;

  beforeAll(async () => {
    app = await startTestWebApp(url);
    browser = await launchChromium();
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  /** One scene after the other in one database, so that one web app shows them all. */
  async function empty(): Promise<void> {
    await db.execute(sql`truncate users, projects cascade`);
  }

  it.each(SCENE_NAMES)(
    '%s: it seeds, and its page opens without an error or an axe violation',
    async (name) => {
      await empty();
      const scene = await seedScene(db, name);
      const context = await openSession(browser, app.address, scene.as, {
        viewport: { width: 1280, height: 900 },
        reducedMotion: 'reduce',
      });
      const errors: string[] = [];
      try {
        const page = await context.newPage();
        page.on('pageerror', (error) => errors.push(error.message));
        page.on('console', (message) => {
          if (message.type() === 'error') errors.push(message.text());
        });
        await page.goto(scene.path);
        await page.getByText(SEEN[name]).filter({ visible: true }).first().waitFor();
        expect(errors).toEqual([]);
        expect(await axeViolations(page)).toEqual([]);
      } finally {
        await context.close();
      }
    },
  );

  it('what people judge stands in the serif, 17 px on 1.6, at most 72 characters a line', async () => {
    await empty();
    const scene = await seedScene(db, 'ranking-long');
    const context = await openSession(browser, app.address, scene.as, {
      viewport: { width: 1440, height: 900 },
    });
    const page = await context.newPage();
    await page.goto(scene.path);
    await page.locator('#completion-A .reading').first().waitFor();
    await page.evaluate('document.fonts.ready');
    const measured = await page.evaluate(`(() => {
      const text = document.querySelector('#completion-A .reading');
      const style = getComputedStyle(text);
      const range = document.createRange();
      range.selectNodeContents(text);
      const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
      return { family: style.fontFamily, size: style.fontSize, height: style.lineHeight, perLine: text.textContent.length / lines };
    })()`);
    await context.close();
    expect(measured).toMatchObject({
      family: expect.stringContaining('Source Serif'),
      size: '17px',
      height: '27.2px',
    });
    expect(measured).toHaveProperty(
      'perLine',
      expect.toSatisfy((count: number) => count > 30 && count <= 72),
    );
  });

  it('a scene never mixes with real work: a database that holds people is refused, and left as it was', async () => {
    await empty();
    await seedScene(db, 'nothing-to-do');
    const before = await db.query.users.findMany();
    await expect(seedScene(db, 'ranking-k2')).rejects.toThrow('holds people already');
    expect(await db.query.users.findMany()).toEqual(before);
  });
});
