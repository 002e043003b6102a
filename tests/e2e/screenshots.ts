/**
 * Looks at every page: starts a database of its own, fills it (scene.ts), serves the built app, opens each page in
 * Chromium, runs axe on it, and takes its picture in light at 1440 and 800 pixels and in dark at 1440.
 *
 *   npx next build && npx tsx tests/e2e/screenshots.ts [--out <folder>] [--only <part of a name>]
 *
 * The main pages' pictures go to docs/screenshots/. Exits 1 when axe finds a violation or a page logs an error.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { openDatabase } from '@/db/client.ts';
import { startEmbeddedPostgres } from '@/db/embedded.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { freePort } from '../support/free-port.ts';
import { PASSWORD, type Scene, seedScene } from './scene.ts';

const { values: options } = parseArgs({
  options: { out: { type: 'string' }, only: { type: 'string' } },
});
const DOCS = 'docs/screenshots';
const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What the labeling page may load as scripts, compressed (PERFORMANCE.md). */
const MOST_SCRIPT_BYTES = 200_000;
/** Compressed bytes of the scripts that a page loaded; the Markdown renderer, loaded only for texts that hold any, apart. */
const SCRIPT_BYTES = `(async () => {
  const sum = { page: 0, markdown: 0 };
  for (const entry of performance.getEntriesByType('resource')) {
    if (!new URL(entry.name).pathname.endsWith('.js')) continue;
    const text = await (await fetch(entry.name, { cache: 'force-cache' })).text();
    sum[/footnoteDefinition|hljs-/.test(text) ? 'markdown' : 'page'] += entry.encodedBodySize;
  }
  return sum;
})()`;

interface Shot {
  name: string;
  path: string;
  /** Who looks; nobody when null. */
  as: keyof Scene['emails'] | null;
  /** What must be on the page before it is looked at. */
  waitFor: string;
  /** Taken into the documentation too. */
  docs?: boolean;
  /** Something to do before the picture. */
  act?(page: Page): Promise<void>;
}

function shots(scene: Scene): Shot[] {
  return [
    { name: 'sign-in', path: '/sign-in', as: null, waitFor: 'text=Sign in', docs: true },
    { name: 'setup-done', path: '/setup', as: null, waitFor: 'text=Set up already' },
    { name: 'invite', path: scene.inviteePath, as: null, waitFor: 'text=Join Touchstone' },
    { name: 'invite-bad', path: '/invite/aaaaaaaaaaaaaaaaaaaaaaaaaaaa', as: null, waitFor: '[role=alert]' },
    { name: 'work-nothing', path: '/work', as: 'idle', waitFor: 'text=You are in no project yet' },
    {
      name: 'demonstration',
      path: '/work',
      as: 'writer',
      waitFor: 'text=YOUR ANSWER',
      docs: true,
      act: writeSome,
    },
    { name: 'history', path: '/work/history', as: 'writer', waitFor: 'text=Everything you did' },
    {
      name: 'label',
      path: '/work/history',
      as: 'writer',
      waitFor: 'text=Everything you did',
      act: openLabel,
    },
    { name: 'stats', path: '/work/stats', as: 'writer', waitFor: 'text=Median time' },
    { name: 'ranking-strange', path: '/work', as: 'writer', waitFor: 'text=YOUR', act: skipToStrange },
    {
      name: 'skip',
      path: '/work',
      as: 'ranker',
      waitFor: 'text=YOUR',
      act: (page) => page.keyboard.press('s'),
    },
    {
      name: 'ranking-untouched',
      path: '/work',
      as: 'ranker',
      waitFor: 'text=YOUR',
      act: finishDemonstration,
    },
    { name: 'ranking', path: '/work', as: 'ranker', waitFor: 'text=YOUR ORDER', docs: true, act: rankSome },
    { name: 'ranking-confirm', path: '/work', as: 'ranker', waitFor: 'text=YOUR ORDER', act: confirmRanking },
    {
      name: 'ranking-guidelines',
      path: '/work',
      as: 'ranker',
      waitFor: 'text=YOUR ORDER',
      act: (page) => page.keyboard.press('g'),
    },
    {
      name: 'keys',
      path: '/work',
      as: 'ranker',
      waitFor: 'text=YOUR ORDER',
      act: (page) => page.keyboard.press('?'),
    },
    { name: 'home', path: '/', as: 'admin', waitFor: 'text=Newest models' },
    { name: 'palette', path: '/', as: 'admin', waitFor: 'text=Newest models', act: openPalette },
    { name: 'rounds', path: '/rounds', as: 'admin', waitFor: 'text=Open report' },
    { name: 'round', path: `/rounds/${scene.activeRoundId}`, as: 'admin', waitFor: 'canvas', docs: true },
    {
      name: 'report',
      path: `/rounds/${scene.doneRoundId}/report`,
      as: 'researcher',
      waitFor: 'text=Win rate by model',
      docs: true,
    },
    {
      name: 'report-none',
      path: `/rounds/${scene.activeRoundId}/report`,
      as: 'researcher',
      waitFor: '[role=alert]',
    },
    { name: 'runs', path: '/runs', as: 'researcher', waitFor: 'table' },
    { name: 'run', path: `/runs/${scene.runId}`, as: 'researcher', waitFor: 'canvas', docs: true },
    { name: 'models', path: '/models', as: 'researcher', waitFor: 'table' },
    { name: 'model', path: `/models/${scene.ppoModelId}`, as: 'admin', waitFor: 'text=Lineage' },
    { name: 'datasets', path: '/datasets', as: 'researcher', waitFor: 'text=Export native' },
    { name: 'people', path: '/people', as: 'admin', waitFor: 'table' },
    { name: 'projects', path: '/projects', as: 'admin', waitFor: 'text=Everyday questions' },
    { name: 'project', path: `/projects/${scene.projectId}`, as: 'admin', waitFor: 'table' },
    {
      name: 'project-guidelines',
      path: `/projects/${scene.projectId}`,
      as: 'admin',
      waitFor: 'table',
      act: openTab('Guidelines'),
    },
    {
      name: 'project-prompts',
      path: `/projects/${scene.projectId}`,
      as: 'admin',
      waitFor: 'table',
      act: openTab('Prompts'),
    },
    {
      name: 'project-settings',
      path: `/projects/${scene.projectId}`,
      as: 'admin',
      waitFor: 'table',
      act: openTab('Settings'),
    },
    {
      name: 'project-empty',
      path: `/projects/${scene.emptyProjectId}`,
      as: 'admin',
      waitFor: 'text=No tasks yet',
    },
    { name: 'missing', path: '/nowhere', as: null, waitFor: 'text=There is no such page' },
  ];
}

async function writeSome(page: Page): Promise<void> {
  const field = page.getByRole('textbox', { name: 'Your answer' });
  if ((await field.inputValue()) === '') {
    await field.fill(
      'Slate, marble and basalt are rocks that formed under heat or pressure.\n\nChalk is the odd one out: it is made of the shells of tiny sea creatures.',
    );
    await page.getByText('saved ●').waitFor();
  }
}

async function openLabel(page: Page): Promise<void> {
  await page.locator('main li a').filter({ hasText: 'submitted' }).first().click();
  await page.getByText('Version 1').first().waitFor();
}

async function skipToStrange(page: Page): Promise<void> {
  for (let i = 0; i < 4 && !(await page.getByText('careful translator').isVisible()); i++) {
    await page.getByRole('button', { name: 'Skip', exact: false }).first().click();
    await page.getByRole('button', { name: 'The prompt is unclear' }).click();
    await page.getByRole('button', { name: 'Skip task' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.waitForTimeout(400);
  }
}

async function finishDemonstration(page: Page): Promise<void> {
  const field = page.getByRole('textbox', { name: 'Your answer' });
  if (await field.isVisible()) {
    await field.fill('Put it in the brightest place you have.');
    await page.keyboard.press('Control+Enter');
  }
  await page.getByText('YOUR ORDER').waitFor();
}

async function rankSome(page: Page): Promise<void> {
  if (await page.getByText('Every completion is ranked').isVisible()) return;
  // By keyboard alone: the second first, the first tied with it, and so on.
  for (const key of [
    'ArrowDown',
    '1',
    'ArrowUp',
    '2',
    '=',
    'ArrowDown',
    'ArrowDown',
    '2',
    'ArrowDown',
    '3',
    'ArrowDown',
    '4',
  ]) {
    await page.keyboard.press(key);
  }
  await page.locator('#completion-B').getByText('5', { exact: true }).click();
  // And one by mouse: the last of those not ranked yet, onto the second rank: a tie.
  const chip = page.getByRole('button', { name: 'Completion F', exact: true });
  const target = page.locator('[data-drop="group-1"]');
  const [start, end] = [await chip.boundingBox(), await target.boundingBox()];
  if (!start || !end) throw new Error('The order panel shows no completion F, or no second rank.');
  await page.mouse.move(start.x + 10, start.y + 10);
  await page.mouse.down();
  await page.mouse.move(end.x + end.width - 20, end.y + end.height / 2, { steps: 4 });
  await page.mouse.up();
  await target.getByRole('button', { name: 'Completion F', exact: true }).waitFor();
}

async function confirmRanking(page: Page): Promise<void> {
  for (let rank = 1; rank <= 6; rank++) {
    await page.keyboard.press(String(rank));
    await page.keyboard.press('ArrowDown');
  }
  await page.keyboard.press('w');
  for (let border = 1; border <= 5; border++) await page.keyboard.press('2');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('dialog').waitFor();
}

async function openPalette(page: Page): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('round');
  await page.getByRole('option').nth(3).waitFor();
}

function openTab(name: string) {
  return async (page: Page) => {
    await page.getByRole('tab', { name }).click();
    await page.waitForTimeout(600);
  };
}

interface Violation {
  id: string;
  help: string;
  nodes: { target: unknown[] }[];
}

async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found: Violation[] = await page.evaluate(
    'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((result) => result.violations)',
  );
  return found.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes
        .slice(0, 3)
        .map((node) => node.target.join(' '))
        .join(' | ')}`,
  );
}

/** The browser sessions, one for each person and look. */
class Sessions {
  readonly #contexts = new Map<string, BrowserContext>();
  constructor(
    readonly browser: Browser,
    readonly origin: string,
    readonly scene: Scene,
  ) {}

  async page(as: Shot['as'], dark: boolean): Promise<Page> {
    const key = `${as} ${dark}`;
    let context = this.#contexts.get(key);
    if (!context) {
      context = await this.browser.newContext({
        colorScheme: dark ? 'dark' : 'light',
        reducedMotion: 'reduce',
      });
      context.setDefaultTimeout(10_000);
      this.#contexts.set(key, context);
      if (as !== null) {
        const page = await context.newPage();
        await page.goto(`${this.origin}/sign-in`);
        await page.getByLabel('E-mail address').fill(this.scene.emails[as]);
        await page.getByLabel('Password').fill(PASSWORD);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
        await page.close();
      }
    }
    return context.newPage();
  }
}

async function lookAt(shot: Shot, sessions: Sessions, out: string): Promise<string[]> {
  const problems: string[] = [];
  for (const [look, width, dark] of [
    ['light', 1440, false],
    ['dark', 1440, true],
    ['narrow', 800, false],
  ] as const) {
    const page = await sessions.page(shot.as, dark);
    page.on('pageerror', (error) => problems.push(`${shot.name} ${look}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
        problems.push(`${shot.name} ${look}: ${message.text()}`);
    });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`${sessions.origin}${shot.path}`);
    try {
      await page.locator(shot.waitFor).first().waitFor({ timeout: 15_000 });
      await shot.act?.(page);
      // Fonts and canvases.
      await page.evaluate('document.fonts.ready');
      await page.waitForTimeout(300);
      for (const violation of await violationsOf(page)) problems.push(`${shot.name} ${look}: ${violation}`);
      if (shot.path === '/work') {
        const bytes: { page: number; markdown: number } = await page.evaluate(SCRIPT_BYTES);
        const said = `${shot.name} ${look}: ${Math.round(bytes.page / 1000)} kB of compressed JavaScript, and ${Math.round(bytes.markdown / 1000)} kB for Markdown`;
        if (bytes.page > MOST_SCRIPT_BYTES) problems.push(said);
        else if (look === 'light') console.log(`  ${said}`);
      }
      const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      if (typeof wide === 'number' && wide > 0)
        problems.push(`${shot.name} ${look}: ${wide} pixels too wide`);
    } catch (error) {
      problems.push(
        `${shot.name} ${look}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
      );
    }
    await page.screenshot({ path: join(out, `${shot.name}-${look}.png`) });
    if (shot.docs && look !== 'narrow' && options.only === undefined)
      await page.screenshot({ path: join(DOCS, `${shot.name}-${look}.png`) });
    await page.close();
  }
  return problems;
}

const home = mkdtempSync(join(tmpdir(), 'touchstone-screenshots-'));
const out = options.out ?? join(home, 'shots');
mkdirSync(out, { recursive: true });
mkdirSync(DOCS, { recursive: true });
const postgres = await startEmbeddedPostgres({ folder: join(home, 'postgres'), durable: false });
await migrateDatabase(postgres.url);
const connection = openDatabase(postgres.url);
const scene = await seedScene(connection.db);
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
const server = spawn('node_modules/.bin/next', ['start', '-p', String(port), '-H', '127.0.0.1'], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    NODE_ENV: 'production',
    DATABASE_URL: postgres.url,
    TOUCHSTONE_HOME: home,
    NEXTAUTH_SECRET: 'only for the screenshots',
    NEXTAUTH_URL: origin,
  },
});
const problems: string[] = [];
try {
  for (let tries = 0; tries < 100; tries++) {
    if (
      await fetch(`${origin}/sign-in`).then(
        (response) => response.ok,
        () => false,
      )
    )
      break;
    await sleep(200);
  }
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: CHROMIUM_FLAGS,
  });
  const sessions = new Sessions(browser, origin, scene);
  for (const shot of shots(scene)) {
    if (options.only !== undefined && !shot.name.includes(options.only)) continue;
    const found = await lookAt(shot, sessions, out);
    problems.push(...found);
    console.log(found.length === 0 ? `✓ ${shot.name}` : `✗ ${found.join('\n  ')}`);
  }
  await browser.close();
} finally {
  server.kill('SIGTERM');
  await connection.close();
  await postgres.stop();
  if (options.out !== undefined) rmSync(home, { recursive: true, force: true });
}
console.log(`${problems.length} problems; pictures in ${out}`);
process.exit(problems.length === 0 ? 0 : 1);
