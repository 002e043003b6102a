import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import type { Browser } from 'playwright-core';
import { type Database, openDatabase } from '@/db/client.ts';
import { startEmbeddedPostgres } from '@/db/embedded.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { type SceneName, seedScene } from '@/server/scenes/scenes.ts';
import { chromiumPath, hasChromium, launchChromium } from '../../support/browser.ts';
import { startTestWebApp } from '../../support/web-app.ts';
import { type Measurement, measurement, median } from '../row.ts';
import type { BenchOptions } from '../suite.ts';
import { coldStarts } from './cold-start.ts';
import { bareKeystrokes, draftKeystrokes } from './keystroke.ts';
import { openings } from './opening.ts';

/** The pages whose opening is measured: a scene, and what is there when its task can be worked on. */
const PAGES = [
  { name: 'demonstration', scene: 'demonstration', ready: 'main textarea' },
  { name: 'ranking', scene: 'ranking-k9', ready: '#select-I' },
] as const satisfies { name: string; scene: SceneName; ready: string }[];

/**
 * `page-interactive` and `page-javascript` (the worse of demonstration and ranking, each with rows of its own),
 * `keystroke` and `cold-start`. Needs Chromium; starts a database and the built app of its own, and leaves nothing.
 */
export async function pageRows({ say }: Pick<BenchOptions, 'say'>): Promise<Measurement[]> {
  if (!hasChromium) {
    say(`No browser at ${chromiumPath} (CHROMIUM_PATH names another): pages are not measured.`);
    return [];
  }
  const home = mkdtempSync(join(tmpdir(), 'touchstone-bench-pages-'));
  const postgres = await startEmbeddedPostgres({ folder: join(home, 'postgres'), durable: false });
  const rows: Measurement[] = [];
  const add = (measured: Measurement[]) => {
    for (const { name, ours, unit } of measured) say(`  ${name}: ${ours.toFixed(1)} ${unit}`);
    rows.push(...measured);
  };
  try {
    await migrateDatabase(postgres.url);
    const { db, close } = openDatabase(postgres.url);
    say('Building the web app, unless that is done …');
    const app = await startTestWebApp(postgres.url);
    try {
      const browser = await launchChromium();
      try {
        add(await openingRows(db, browser, app.address, say));
      } finally {
        await browser.close();
      }
      add(await keystrokeRows(db, app.address, say));
    } finally {
      await app.stop();
      await close();
    }
    add(await coldStartRows(home, say));
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
  return rows;
}

/** An empty database with one scene. */
async function setScene(db: Database, name: SceneName) {
  await db.execute(sql`truncate users, projects cascade`);
  return seedScene(db, name);
}

async function openingRows(
  db: Database,
  browser: Browser,
  address: string,
  say: BenchOptions['say'],
): Promise<Measurement[]> {
  say(
    'page-interactive: reach ≤ 1000 ms; its limit is a static picture of the same server in the same browser.',
  );
  say('page-javascript: reach ≤ 200 kB as sent, everything that the page loads by itself until it rests.');
  const times: Measurement[] = [];
  const sizes: Measurement[] = [];
  for (const { name, scene, ready } of PAGES) {
    const { as, path } = await setScene(db, scene);
    const { interactive, floor, scriptBytes } = await openings(browser, { address, as, path, ready });
    const unit = 'ms to interactive, warm server, cold browser cache';
    times.push(
      measurement(`page-interactive/${name}`, unit, 'lower', {
        ours: median(interactive),
        limit: median(floor),
      }),
    );
    sizes.push(
      measurement(`page-javascript/${name}`, 'kB compressed', 'lower', {
        ours: Math.max(...scriptBytes) / 1000,
      }),
    );
  }
  return [...worstFirst('page-interactive', times), ...worstFirst('page-javascript', sizes)];
}

/** The row of the largest figure under the name of all, then each under its own. */
function worstFirst(name: string, rows: Measurement[]): Measurement[] {
  const [worst] = [...rows].sort((a, b) => b.ours - a.ours);
  return worst ? [{ ...worst, name }, ...rows] : rows;
}

async function keystrokeRows(
  db: Database,
  address: string,
  say: BenchOptions['say'],
): Promise<Measurement[]> {
  say('keystroke: reach ≤ 16 ms; its limit is a bare text field with the same 10,000 words.');
  const { as, path } = await setScene(db, 'demonstration-long-draft');
  // Frames come as soon as they are ready: what is measured is the work, not the wait for the screen's next refresh.
  const browser = await launchChromium(['--disable-frame-rate-limit', '--disable-gpu-vsync']);
  try {
    const { times, text } = await draftKeystrokes(browser, { address, as, path });
    const bare = await bareKeystrokes(browser, text);
    const row = (name: string, share: number) =>
      measurement(name, 'ms from key to paint, 10,000-word draft', 'lower', {
        ours: quantile(times, share),
        limit: quantile(bare, share),
      });
    return [row('keystroke', 0.5), row('keystroke/p99', 0.99)];
  } finally {
    await browser.close();
  }
}

async function coldStartRows(home: string, say: BenchOptions['say']): Promise<Measurement[]> {
  say(
    'cold-start: reach ≤ 10 s, from `npm start` to the first page served; the first time it makes its database too.',
  );
  const { first, again } = await coldStarts(join(home, 'cold'));
  return [
    measurement('cold-start', 's to a served page, from an empty folder', 'lower', { ours: first }),
    measurement('cold-start/again', 's to a served page, database there', 'lower', { ours: again }),
  ];
}

/** The value that a share of all is at most. */
function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
