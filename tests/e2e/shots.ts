import type { Page } from 'playwright-core';
import type { SceneName } from '@/server/scenes/scenes.ts';
import type { WholeProduct } from '@/server/scenes/whole-product.ts';
import { pagesOf, type State } from './pages.ts';

/** One picture. */
export interface Shot {
  name: string;
  path: string;
  /** Address of who looks; nobody when null. */
  as: string | null;
  /** What must be there before the picture; a Playwright selector. */
  shows: string;
  act?: State['act'] | undefined;
  /** Taken into docs/screenshots too. */
  docs: boolean;
}

/** Pictures of the scene that fills every page, taken into the documentation by these names. */
const DOCS = new Set(['sign-in', 'home', 'round', 'report', 'run', 'model', 'project']);

/** Every page and state of the scene `whole-product`. */
export function productShots(scene: WholeProduct): Shot[] {
  return pagesOf(scene).flatMap((entry) => {
    const { name, path, shows } = entry;
    const as = entry.as === null ? null : scene.emails[entry.as];
    return [
      { name, path, as, shows, docs: DOCS.has(name) },
      ...(entry.states ?? []).map((state) => ({
        name: `${name}-${state.name}`,
        path,
        as,
        shows,
        act: state.act,
        docs: false,
      })),
    ];
  });
}

interface SceneShot {
  scene: Exclude<SceneName, 'whole-product'>;
  name: string;
  shows: string;
  /** The scene's own page when absent. */
  path?: string;
  act?: State['act'];
  docs?: boolean;
}

/** Pictures of the other scenes. */
export const SCENE_SHOTS: SceneShot[] = [
  { scene: 'demonstration', name: 'demonstration', shows: 'textarea', act: writeSome, docs: true },
  { scene: 'demonstration-long-draft', name: 'demonstration-long', shows: 'textarea' },
  { scene: 'demonstration-few-shot', name: 'demonstration-few-shot', shows: 'textarea', docs: true },
  { scene: 'ranking-k2', name: 'ranking-k2', shows: '#completion-B' },
  { scene: 'ranking-k4', name: 'ranking-k4-untouched', shows: '#completion-D' },
  { scene: 'ranking-strengths', name: 'ranking', shows: '#completion-D', act: rankSome, docs: true },
  { scene: 'ranking-k9', name: 'ranking-k9', shows: '#completion-I', docs: true },
  { scene: 'ranking-long', name: 'ranking-long', shows: '#completion-D' },
  { scene: 'ranking-strange', name: 'ranking-strange', shows: '#completion-D' },
  { scene: 'review-ranking', name: 'review-ranking', shows: 'main h2', docs: true },
  { scene: 'review-demonstration', name: 'review-demonstration', shows: 'main h2' },
  { scene: 'guidelines-changed', name: 'guidelines-changed', shows: '#completion-D', docs: true },
  { scene: 'screening', name: 'screening', shows: 'main h2' },
  { scene: 'gold', name: 'stats', shows: 'text=Median time', docs: true },
  { scene: 'history-many', name: 'history', shows: 'main li a', docs: true },
  { scene: 'quality', name: 'quality', shows: 'main a:has-text("Hiro Achterberg")', docs: true },
  {
    scene: 'quality',
    name: 'quality-labeler',
    shows: 'main a:has-text("Hiro Achterberg")',
    act: openCareless,
  },
  { scene: 'empty-project', name: 'empty-project', shows: 'text=No tasks yet' },
  { scene: 'empty-project', name: 'empty-rounds', path: '/rounds', shows: 'main h2' },
  { scene: 'empty-project', name: 'empty-runs', path: '/runs', shows: 'main h2' },
  { scene: 'empty-project', name: 'empty-models', path: '/models', shows: 'main h2' },
  { scene: 'nothing-to-do', name: 'nothing-to-do', shows: 'text=Nothing to do right now' },
  { scene: 'nothing-to-do', name: 'history-empty', path: '/work/history', shows: 'main h2' },
  { scene: 'nothing-to-do', name: 'stats-empty', path: '/work/stats', shows: 'main h2' },
  { scene: 'warned', name: 'warned', shows: 'textarea' },
];

async function writeSome(page: Page): Promise<void> {
  const field = page.getByRole('textbox', { name: 'Your answer' });
  await field.fill(
    'Three numbers, before anything else.\n\n1. **Loaves**: how many the new shop must sell to pay its rent, its baker and its flour.\n2. **People**: how many pass the door on a wet Tuesday in February.\n3. **Months**: how long her savings last if it sells half of that.',
  );
  await page.getByText('saved ●').waitFor();
}

/** The page of the labeler who answers at random. */
async function openCareless(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Hiro Achterberg' }).first().click();
  await page.getByRole('heading', { level: 1, name: 'Hiro Achterberg' }).waitFor();
}

async function rankSome(page: Page): Promise<void> {
  const select = (letter: string) =>
    page
      .getByRole('button', { name: `Select completion ${letter}`, exact: true })
      .first()
      .click();
  const press = async (letter: string, ...keys: string[]) => {
    await select(letter);
    for (const key of keys) await page.keyboard.press(key);
  };
  // The ratings first, then the order: B, then A tied with C; D is left.
  await page.keyboard.press('r');
  for (const [letter, rating] of [
    ['A', '6'],
    ['B', '7'],
    ['C', '6'],
    ['D', '2'],
  ] as const) {
    await press(letter, rating);
  }
  await page.keyboard.press('o');
  await press('B', '1');
  await press('A', '2');
  await press('C', '3', '=');
  await page.mouse.move(0, 0);
  await page.evaluate('window.scrollTo(0, 0)');
  await page.getByText('saved ●').waitFor();
}
