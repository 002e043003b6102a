import type { Database } from '@/db/client.ts';
import { AppError } from '../errors.ts';
import { setupNeeded } from '../people/users.ts';
import { demonstration, demonstrationFewShot, demonstrationLongDraft } from './demonstration.ts';
import { rankingK2, rankingK4, rankingK9, rankingLong, rankingStrange, rankingStrengths } from './ranking.ts';
import { reviewDemonstration, reviewRanking } from './review.ts';
import { emptyProject, gold, guidelinesChanged, nothingToDo, screening, warned } from './rules.ts';
import type { Scene } from './scene.ts';
import { historyMany, quality } from './volume.ts';
import { seedWholeProduct } from './whole-product.ts';

interface Maker {
  /** What there is to see, in a phrase. */
  shows: string;
  seed(db: Database): Promise<Scene>;
}

/** Every scene, by name. To add one, write a function that fills an empty database, and name it here. */
export const SCENES = {
  'whole-product': { shows: 'every page with something on it', seed: seedWholeProduct },
  'ranking-k2': { shows: 'two completions to rank', seed: rankingK2 },
  'ranking-k4': { shows: 'four completions to rank', seed: rankingK4 },
  'ranking-k9': { shows: 'nine completions to rank', seed: rankingK9 },
  'ranking-long': { shows: 'four completions of two thousand words', seed: rankingLong },
  'ranking-strange': { shows: 'markup, right-to-left text, emoji and endless words', seed: rankingStrange },
  'ranking-strengths': { shows: 'ratings and strengths asked for', seed: rankingStrengths },
  demonstration: { shows: 'a prompt to answer', seed: demonstration },
  'demonstration-long-draft': { shows: 'a draft of ten thousand words', seed: demonstrationLongDraft },
  'demonstration-few-shot': { shows: 'a prompt to be written too', seed: demonstrationFewShot },
  'review-ranking': { shows: 'rankings that contradict one another', seed: reviewRanking },
  'review-demonstration': { shows: 'demonstrations to judge', seed: reviewDemonstration },
  'guidelines-changed': { shows: 'a new guideline version, not yet read', seed: guidelinesChanged },
  screening: { shows: 'screening before any real work', seed: screening },
  gold: { shows: 'own accuracy on ten gold tasks', seed: gold },
  'history-many': { shows: 'a history of two thousand labels', seed: historyMany },
  quality: { shows: 'two thousand rankings by thirty labelers, one of them careless', seed: quality },
  'empty-project': { shows: 'a project in which nothing was done yet', seed: emptyProject },
  'nothing-to-do': { shows: 'no task for this contractor', seed: nothingToDo },
  warned: { shows: 'a contractor who was warned', seed: warned },
} as const satisfies Record<string, Maker>;

export type SceneName = keyof typeof SCENES;

export const SCENE_NAMES = Object.keys(SCENES).filter((name): name is SceneName => name in SCENES);

/**
 * Fills an empty, migrated database with a scene.
 * @throws CONFLICT when somebody has an account there already: a scene never mixes with real work
 */
export async function seedScene<Name extends SceneName>(
  db: Database,
  name: Name,
): Promise<Awaited<ReturnType<(typeof SCENES)[Name]['seed']>>>;
export async function seedScene(db: Database, name: SceneName): Promise<Scene> {
  if (!(await setupNeeded(db))) {
    throw new AppError(
      'CONFLICT',
      'This database holds people already, and a scene fills an empty one only: point DATABASE_URL or TOUCHSTONE_HOME elsewhere.',
    );
  }
  return SCENES[name].seed(db);
}
