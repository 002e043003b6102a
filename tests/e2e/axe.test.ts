import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seedScene } from '@/server/scenes/scenes.ts';
import type { WholeProduct } from '@/server/scenes/whole-product.ts';
import { axeViolations } from '../support/axe.ts';
import { hasChromium, launchChromium } from '../support/browser.ts';
import { openTestDatabase } from '../support/database.ts';
import { openSession } from '../support/session.ts';
import { Pending, settled } from '../support/settled.ts';
import { startTestWebApp, type WebApp } from '../support/web-app.ts';
import { MISSING, type PageEntry, pagesOf, routesOfApp } from './pages.ts';

/** Pages looked at at once. */
const SIDE_BY_SIDE = 3;
/** 640 pixels is what 1280 become at 200 % zoom. */
const WIDTHS = [1280, 800, 640];
const MOST_TABS = 40;

/** The element that has the focus, when neither an outline nor a border of its own says so. */
const UNSEEN_FOCUS = `(() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const box = element.getBoundingClientRect();
  const name = element.tagName.toLowerCase() + ' ' + (element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 40);
  if (!seen) return 'no outline on ' + name;
  if (box.bottom < 0 || box.top > innerHeight) return 'out of sight: ' + name;
  return null;
})()`;
/** Which element has the focus; null when none has. A field for a day is several stops: day, month, year, calendar. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  return { index: [...document.querySelectorAll('*')].indexOf(element), stops: element.type === 'date' ? 4 : 1 };
})()`;

interface Opened {
  page: Page;
  pending: Pending;
  /** What the page itself complained about. */
  errors: string[];
}

/** What is wrong, by what it is about. */
interface Found {
  axe: string[];
  opened: string[];
  width: string[];
  focus: string[];
  log: string[];
}

describe.skipIf(!hasChromium)('every page', async () => {
  const { db, url } = await openTestDatabase();
  let app: WebApp;
  let browser: Browser;
  let scene: WholeProduct;
  let pages: PageEntry[];
  const found: Found = { axe: [], opened: [], width: [], focus: [], log: [] };
  /** Of each person one, whose cache their pages share; null is nobody, signed out. */
  const contexts = new Map<PageEntry['as'], BrowserContext>();

  async function contextOf(as: PageEntry['as']): Promise<BrowserContext> {
    const context = await openSession(browser, app.address, as === null ? null : scene.emails[as], {
      viewport: { width: 1280, height: 900 },
      reducedMotion: 'reduce',
      colorScheme: 'light',
    });
    context.setDefaultTimeout(60_000);
    return context;
  }

  async function open(as: PageEntry['as'], context = contexts.get(as)): Promise<Opened> {
    if (!context) throw new Error(`There is no browser of ${as}.`);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      // An answer of 404 or 403 is the page's to show, and the browser's to note.
      if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
        errors.push(message.text());
      }
    });
    return { page, pending: new Pending(page), errors };
  }

  async function openAt(entry: PageEntry): Promise<Opened> {
    const opened = await open(entry.as);
    await opened.page.goto(entry.path);
    await opened.page.locator(entry.shows).first().waitFor();
    return opened;
  }

  /** Looks at each, some side by side; what a look throws is a problem of its own. */
  async function lookAtAll(entries: PageEntry[], look: (entry: PageEntry) => Promise<void>): Promise<void> {
    const waiting = [...entries];
    await Promise.all(
      Array.from({ length: SIDE_BY_SIDE }, async () => {
        for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
          try {
            await look(entry);
          } catch (error) {
            const said =
              error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : String(error);
            found.opened.push(`${entry.name}: ${said}`);
          }
        }
      }),
    );
  }

  async function lookWithAxe(name: string, { page, pending, errors }: Opened): Promise<void> {
    await settled(page, pending);
    found.axe.push(...(await axeViolations(page)).map((violation) => `${name}: ${violation}`));
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await axeViolations(page, ['color-contrast']);
    found.axe.push(...dark.map((violation) => `${name}, dark: ${violation}`));
    await page.emulateMedia({ colorScheme: 'light' });
    found.log.push(...errors.map((error) => `${name}: ${error}`));
  }

  async function lookAtWidths(name: string, { page }: Opened): Promise<void> {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      const wider = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      if (wider !== 0) found.width.push(`${name}: ${wider} pixels wider than ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  }

  async function walkByTab(name: string, { page }: Opened): Promise<void> {
    await page.evaluate('document.activeElement?.blur()');
    const problems = new Set<string>();
    let before = -1;
    let stops = 0;
    for (let tabs = 0; tabs < MOST_TABS; tabs++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate<{ index: number; stops: number } | null>(FOCUSED);
      if (at === null) break;
      stops = at.index === before ? stops + 1 : 1;
      if (stops > at.stops) problems.add('Tab does not move on');
      before = at.index;
      const problem = await page.evaluate(UNSEEN_FOCUS);
      if (typeof problem === 'string') problems.add(problem);
    }
    found.focus.push(...[...problems].map((problem) => `${name}: ${problem}`));
  }

  beforeAll(async () => {
    app = await startTestWebApp(url);
    browser = await launchChromium();
    // First while nobody has an account: the form that makes the first admin.
    const first = await openSession(browser, app.address, null, { viewport: { width: 1280, height: 900 } });
    const setup = await open(null, first);
    await setup.page.goto('/sign-in');
    await setup.page.getByRole('heading', { name: 'Set up Touchstone' }).waitFor();
    await lookWithAxe('setup', setup);
    await first.close();

    scene = await seedScene(db, 'whole-product');
    pages = pagesOf(scene);
    for (const as of [null, 'admin', 'researcher', 'ranker', 'writer', 'idle'] as const) {
      contexts.set(as, await contextOf(as));
    }
    await lookAtAll([...pages, MISSING], async (entry) => {
      const opened = await openAt(entry);
      await lookWithAxe(entry.name, opened);
      await lookAtWidths(entry.name, opened);
      await walkByTab(entry.name, opened);
      await opened.page.close();
    });
    await lookAtAll(pages, async (entry) => {
      for (const state of entry.states ?? []) {
        const opened = await openAt(entry);
        await state.act(opened.page);
        await lookWithAxe(`${entry.name}, ${state.name}`, opened);
        await lookAtWidths(`${entry.name}, ${state.name}`, opened);
        await opened.page.close();
      }
    });
  }, 900_000);

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('has an entry in pages.ts, and opens', () => {
    expect([...new Set(pages.map(({ route }) => route))].sort()).toEqual(routesOfApp().sort());
    expect(found.opened).toEqual([]);
  });

  it('axe finds nothing, in light and in dark, nor in the dialogs, menus and tabs that open on it', () => {
    expect(found.axe).toEqual([]);
  });

  it('nothing is wider than 1280, 800 or 640 pixels (1280 at 200 % zoom)', () => {
    expect(found.width).toEqual([]);
  });

  it('by Tab alone: whatever has the focus is outlined and in sight, and Tab always moves on', () => {
    expect(found.focus).toEqual([]);
  });

  it('logs no error', () => {
    expect(found.log).toEqual([]);
  });

  it('loading, failing and offline: a heading, a plain sentence and a way on, and then its content', async () => {
    const problems: string[] = [];
    found.opened = [];
    const seenFailing = new Set<PageEntry['as']>();
    await lookAtAll(
      pages.filter(({ data }) => data),
      async (entry) => {
        const { page } = await open(entry.as);
        const need = async (what: string, selector: string) => {
          try {
            await page.locator(selector).first().waitFor({ timeout: 40_000 });
          } catch {
            problems.push(`${entry.name}: ${what}`);
          }
        };
        // A network that does not answer, then one that answers with failures.
        let answer: () => void = () => {};
        const broken = new Promise<void>((resolve) => {
          answer = resolve;
        });
        await page.route('**/api/trpc/**', async (route) => {
          await broken;
          // It may be gone with its page.
          await route.fulfill({ status: 500, body: 'no' }).catch(() => {});
        });
        await page.goto(entry.path);
        await need('loading has no heading', 'h1');
        await need('loading says nothing', 'main [role=status]');
        answer();
        await need('failing says nothing', 'main [role=alert]');
        await need('failing has no heading', 'h1');
        await need('failing offers no way on', 'main [role=alert] button, main [role=alert] a');
        // The same few lines on every page: looked at once for each person.
        if (!seenFailing.has(entry.as)) {
          seenFailing.add(entry.as);
          problems.push(...(await axeViolations(page)).map((found) => `${entry.name}, failing: ${found}`));
        }
        await page.unroute('**/api/trpc/**');
        const again = page.locator('main [role=alert] button');
        for (let tries = 0; tries < 5 && (await again.count()) > 0; tries++) {
          await again
            .first()
            .click({ timeout: 2000 })
            .catch(() => {});
          await page
            .locator(entry.shows)
            .first()
            .waitFor({ timeout: 3000 })
            .catch(() => {});
        }
        await need('Try again does not bring its content', entry.shows);
        // Of this page alone: the others of the same person go on.
        const network = await page.context().newCDPSession(page);
        const cut = (offline: boolean) =>
          network.send('Network.emulateNetworkConditions', {
            offline,
            latency: 0,
            downloadThroughput: -1,
            uploadThroughput: -1,
          });
        await cut(true);
        await need('offline is not said', 'text=No connection');
        await cut(false);
        await page.getByText('No connection').waitFor({ state: 'detached' });
        await page.close();
      },
    );
    expect([...problems, ...found.opened]).toEqual([]);
  }, 600_000);
});
