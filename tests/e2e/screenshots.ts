/**
 * Takes the pictures of every page: fills a database of its own with one scene after the other, serves the built app,
 * opens each page in Chromium, and takes it in light at 1440 pixels and in dark, at 800 pixels and at 640 (what 1280
 * become at 200 % zoom). Nothing waits for a time: a picture is taken when nothing is fetched, drawn or moved any more.
 *
 *   npm run screenshots -- [--out <folder>] [--only <part of a name>]
 *
 * Without --only the main pages go to docs/screenshots/ as well. Exits 1 when a page does not open.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql } from 'drizzle-orm';
import type { Browser, BrowserContext } from 'playwright-core';
import { openDatabase } from '@/db/client.ts';
import { startEmbeddedPostgres } from '@/db/embedded.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { seedScene } from '@/server/scenes/scenes.ts';
import { launchChromium } from '../support/browser.ts';
import { openSession } from '../support/session.ts';
import { Pending, settled } from '../support/settled.ts';
import { startTestWebApp } from '../support/web-app.ts';
import { productShots, SCENE_SHOTS, type Shot } from './shots.ts';

const { values: options } = parseArgs({
  options: { out: { type: 'string' }, only: { type: 'string' } },
});
const DOCS = 'docs/screenshots';
const HEIGHT = 900;
const LOOKS = [
  { look: 'light', width: 1440, colorScheme: 'light' },
  { look: 'dark', width: 1440, colorScheme: 'dark' },
  { look: '800', width: 800, colorScheme: 'light' },
  { look: '640', width: 640, colorScheme: 'light' },
] as const;

const wanted = ({ name }: { name: string }) => options.only === undefined || name.includes(options.only);

/** Takes a page in every look. @returns what went wrong, a sentence; null when nothing did */
async function take(shot: Shot, context: BrowserContext, out: string): Promise<string | null> {
  const page = await context.newPage();
  const pending = new Pending(page);
  try {
    await page.setViewportSize({ width: LOOKS[0].width, height: HEIGHT });
    await page.goto(shot.path);
    await page.locator(shot.shows).first().waitFor();
    await settled(page, pending);
    await shot.act?.(page);
    for (const { look, width, colorScheme } of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: HEIGHT });
      await settled(page, pending);
      await page.screenshot({ path: join(out, `${shot.name}-${look}.png`) });
      if (shot.docs && options.only === undefined && (look === 'light' || look === 'dark')) {
        await page.screenshot({ path: join(DOCS, `${shot.name}-${look}.png`) });
      }
    }
    return null;
  } catch (error) {
    return `${shot.name}: ${error instanceof Error ? error.message.split('\n').slice(0, 4).join(' ') : String(error)}`;
  } finally {
    await page.close();
  }
}

const home = mkdtempSync(join(tmpdir(), 'touchstone-screenshots-'));
const out = options.out ?? join(home, 'shots');
mkdirSync(out, { recursive: true });
mkdirSync(DOCS, { recursive: true });
const postgres = await startEmbeddedPostgres({ folder: join(home, 'postgres'), durable: false });
await migrateDatabase(postgres.url);
const { db, close } = openDatabase(postgres.url);
const app = await startTestWebApp(postgres.url);
const problems: string[] = [];
let browser: Browser | null = null;
try {
  browser = await launchChromium();
  for (const shots of [async () => productShots(await seedScene(db, 'whole-product')), ...sceneGroups()]) {
    await db.execute(sql`truncate users, projects cascade`);
    const contexts = new Map<string | null, BrowserContext>();
    for (const shot of (await shots()).filter(wanted)) {
      let context = contexts.get(shot.as);
      if (!context) {
        context = await openSession(browser, app.address, shot.as, { reducedMotion: 'reduce' });
        contexts.set(shot.as, context);
      }
      const problem = await take(shot, context, out);
      if (problem !== null) problems.push(problem);
      console.log(problem === null ? `✓ ${shot.name}` : `✗ ${problem}`);
    }
    for (const context of contexts.values()) await context.close();
  }
} finally {
  await browser?.close();
  await app.stop();
  await close();
  await postgres.stop();
  if (options.out !== undefined) rmSync(home, { recursive: true, force: true });
}
console.log(`${problems.length} problems; pictures in ${out}`);
process.exit(problems.length === 0 ? 0 : 1);

/** The pictures of each other scene, which is seeded when its turn comes. */
function sceneGroups(): (() => Promise<Shot[]>)[] {
  const scenes = [...new Set(SCENE_SHOTS.filter(wanted).map(({ scene }) => scene))];
  return scenes.map((name) => async () => {
    const scene = await seedScene(db, name);
    return SCENE_SHOTS.filter((shot) => shot.scene === name).map((shot) => ({
      name: shot.name,
      path: shot.path ?? scene.path,
      as: scene.as,
      shows: shot.shows,
      act: shot.act,
      docs: shot.docs ?? false,
    }));
  });
}
