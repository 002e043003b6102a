import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import type { WholeProduct } from '@/server/scenes/whole-product.ts';

/** One page of the app in the scene `whole-product`, as axe, the state tests and whoever looks open it. */
export interface PageEntry {
  /** The route as its folder spells it, without groups: `/rounds/[roundId]`. */
  route: string;
  name: string;
  path: string;
  /** Who looks; nobody when null. */
  as: keyof WholeProduct['emails'] | null;
  /** What must be on the page before it is looked at; a Playwright selector. */
  shows: string;
  /** Whether its content comes from the API once the page is there: then it is also seen loading, failing and offline. */
  data: boolean;
  /** What can be opened on it. */
  states?: State[];
}

export interface State {
  name: string;
  act(page: Page): Promise<void>;
}

const APP = fileURLToPath(new URL('../../app', import.meta.url));

/** Every route that has a page, from the folders of app/. */
export function routesOfApp(folder = APP, route = ''): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isFile()) return entry.name === 'page.tsx' ? [route || '/'] : [];
    if (!entry.isDirectory()) return [];
    const isGroup = /^\(.*\)$/.test(entry.name);
    return routesOfApp(join(folder, entry.name), isGroup ? route : `${route}/${entry.name}`);
  });
}

/** Every page, some of them twice: full and empty. */
export function pagesOf(scene: WholeProduct): PageEntry[] {
  const empty = `?project=${scene.emptyProjectId}`;
  const project = `/projects/${scene.projectId}`;
  return [
    entry('/sign-in', null, 'h1:text("Sign in")', { data: false }),
    entry('/setup', null, 'text=Set up already', { data: false }),
    entry('/invite/[token]', null, 'text=Join Touchstone', { path: scene.inviteePath, data: false }),
    entry('/invite/[token]', null, 'main [role=alert]', {
      name: 'invite-bad',
      path: '/invite/aaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      data: false,
    }),
    entry('/', 'admin', 'text=Newest models', {
      name: 'home',
      states: [
        { name: 'palette', act: openPalette },
        { name: 'keys', act: pressKey('?') },
        { name: 'account-menu', act: openMenu(/account and theme/) },
        { name: 'project-menu', act: openMenu(/choose a project/) },
      ],
    }),
    entry('/', 'admin', 'text=No round yet', { name: 'home-empty', path: `/${empty}` }),
    entry('/rounds', 'admin', 'text=Open report', {
      states: [{ name: 'launch', act: openDialog('Launch round') }],
    }),
    entry('/rounds/[roundId]', 'admin', 'canvas', {
      name: 'round',
      path: `/rounds/${scene.activeRoundId}`,
    }),
    entry('/rounds/[roundId]/report', 'researcher', 'text=Win rate by model', {
      name: 'report',
      path: `/rounds/${scene.doneRoundId}/report`,
    }),
    entry('/rounds/[roundId]/report', 'researcher', 'main [role=alert]', {
      name: 'report-none',
      path: `/rounds/${scene.activeRoundId}/report`,
      data: false,
    }),
    entry('/runs', 'researcher', 'table'),
    entry('/runs/[runId]', 'researcher', 'canvas', { name: 'run', path: `/runs/${scene.runId}` }),
    entry('/models', 'researcher', 'table'),
    entry('/models/[modelId]', 'admin', 'text=Lineage', {
      name: 'model',
      path: `/models/${scene.ppoModelId}`,
    }),
    entry('/datasets', 'researcher', 'text=Export native', {
      states: [{ name: 'import', act: openDialog('Import file') }],
    }),
    entry('/datasets', 'admin', 'main h2', { name: 'datasets-empty', path: `/datasets${empty}` }),
    entry('/people', 'admin', 'table', {
      states: [{ name: 'invite', act: openDialog('Invite person') }],
    }),
    entry('/quality', 'researcher', 'main h2', { name: 'quality-none' }),
    entry('/quality/people/[userId]', 'admin', 'main h2', {
      name: 'quality-person',
      path: `/quality/people/${scene.writerId}`,
      states: [{ name: 'warn', act: openDialog('Warn') }],
    }),
    entry('/projects', 'admin', 'main >> text=Everyday questions', {
      states: [{ name: 'create', act: openDialog('Create project') }],
    }),
    entry('/projects/[projectId]', 'admin', 'main table', {
      name: 'project',
      path: project,
      states: ['Guidelines', 'Prompts', 'People', 'Settings'].map((tab) => ({
        name: tab.toLowerCase(),
        act: openTab(tab),
      })),
    }),
    entry('/projects/[projectId]', 'admin', 'text=No tasks yet', {
      name: 'project-empty',
      path: `/projects/${scene.emptyProjectId}`,
    }),
    entry('/quality', 'researcher', 'main >> text=Measured'),
    entry('/quality', 'admin', 'text=No labels to measure yet', {
      name: 'quality-empty',
      path: `/quality${empty}`,
    }),
    entry('/quality/people/[userId]', 'admin', 'text=Newest labels', {
      path: `/quality/people/${scene.writerId}`,
      states: [
        { name: 'warn', act: openDialog('Warn') },
        { name: 'revoke', act: openDialog('Revoke') },
      ],
    }),
    entry('/work', 'ranker', 'textarea', {
      name: 'work',
      states: [
        { name: 'skip', act: pressKey('s') },
        { name: 'guide', act: openGuide },
        { name: 'keys', act: pressKey('?') },
      ],
    }),
    entry('/work', 'idle', 'text=You are in no project yet', { name: 'work-no-project' }),
    entry('/work/history', 'writer', 'main li a', { name: 'history-few' }),
    entry('/work/history/[assignmentId]', 'writer', 'text=Version 1', {
      name: 'label',
      path: `/work/history/${scene.assignmentId}`,
    }),
    entry('/work/stats', 'writer', 'text=Median time', { name: 'stats-few' }),
  ];
}

/** An address that has no page: not of the app's folders, but people see it. */
export const MISSING: PageEntry = {
  route: '/nowhere',
  name: 'missing',
  path: '/nowhere',
  as: null,
  shows: 'text=There is no such page',
  data: false,
};

function entry(
  route: string,
  as: PageEntry['as'],
  shows: string,
  options: Partial<PageEntry> = {},
): PageEntry {
  const name = route.split('/').find((part) => part !== '' && !part.startsWith('[')) ?? 'home';
  return { route, name, path: route, as, shows, data: true, ...options };
}

function pressKey(key: string) {
  return async (page: Page) => {
    await page.locator('body').press(key);
    await page.getByRole('dialog').waitFor();
  };
}

/** The guide of the kind of work, beside it. */
async function openGuide(page: Page): Promise<void> {
  await page.locator('body').press('h');
  await page.getByRole('tab', { name: 'Writing a demonstration', selected: true }).waitFor();
}

function openDialog(button: string) {
  return async (page: Page) => {
    await page.getByRole('button', { name: button, exact: true }).first().click();
    await page.getByRole('dialog').waitFor();
  };
}

function openMenu(name: RegExp) {
  return async (page: Page) => {
    await page.getByRole('button', { name }).click();
    await page.getByRole('menu').waitFor();
  };
}

async function openPalette(page: Page): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('round');
  await page.getByRole('option').nth(3).waitFor();
}

function openTab(name: string) {
  return async (page: Page) => {
    await page.getByRole('tab', { name, exact: true }).click();
    const panel = page.getByRole('tabpanel', { name, exact: true });
    await panel.waitFor();
    await panel.getByRole('status').waitFor({ state: 'detached' });
  };
}
