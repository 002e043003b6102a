import type { Database } from '@/db/client.ts';
import type { ProjectSettings } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { seedCast } from './cast.ts';
import type { Scene } from './scene.ts';
import { ANSWERS, essay, GUIDELINES, NINE_ANSWERS, PROMPT, STRANGE, STRANGE_CONVERSATION } from './texts.ts';

interface RankingScene {
  prompt?: Parameters<typeof seedPrompt>[2];
  answers: string[];
  settings?: Partial<ProjectSettings>;
}

/** A project with one ranking task, in the hands of nobody yet, and its people. */
export async function seedRankingProject(db: Database, { prompt = PROMPT, answers, settings }: RankingScene) {
  const project = await seedProject(db, {
    name: 'Everyday questions',
    description: 'Short, true and kind answers to what people ask on an ordinary day.',
    settings: settings ?? {},
    guideline: GUIDELINES,
  });
  const cast = await seedCast(db, project.id);
  const asked = await seedPrompt(db, project.id, prompt);
  const completionIds: string[] = [];
  for (const text of answers) completionIds.push((await seedCompletion(db, asked, text)).id);
  const task = await seedTask(db, asked, { completionIds, wantedLabels: 3 });
  return { project, cast, task, prompt: asked, completionIds };
}

async function seedRankingScene(db: Database, options: RankingScene): Promise<Scene> {
  const { project, cast } = await seedRankingProject(db, options);
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

export const rankingK2 = (db: Database) => seedRankingScene(db, { answers: ANSWERS.slice(0, 2) });

export const rankingK4 = (db: Database) => seedRankingScene(db, { answers: ANSWERS.slice(0, 4) });

export const rankingK9 = (db: Database) => seedRankingScene(db, { answers: NINE_ANSWERS });

/** Four answers of two thousand words each, which differ here and there. */
export const rankingLong = (db: Database) =>
  seedRankingScene(db, {
    prompt: 'Write a long, careful essay about how stone walls are built without mortar.',
    answers: [1, 2, 3, 4].map((seed) => essay(2000, seed)),
  });

/** Markup, right-to-left text, emoji, characters without width, words without end. */
export const rankingStrange = (db: Database) =>
  seedRankingScene(db, { prompt: STRANGE_CONVERSATION, answers: STRANGE.answers });

/** Ratings required, and the strength between neighbours asked for. */
export const rankingStrengths = (db: Database) =>
  seedRankingScene(db, {
    answers: ANSWERS.slice(0, 4),
    settings: { strengths: true, ratings: 'required' },
  });
