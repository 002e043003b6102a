import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { World } from '@touchstone/trainer/world/index.ts';
import { demoRecipe } from '@touchstone/trainer/world/recipe.ts';
import type { Database } from '@/db/client.ts';
import { insertPrompts } from '../datasets/prompts-import.ts';
import { createProject } from '../labeling/projects.ts';
import { startPretrain } from '../models/runs.ts';
import type { RoundConfigInput, RoundTargets } from '../rounds/settings.ts';
import { GUIDELINE } from './guideline.ts';
import type { DemoPerson } from './people.ts';

const SHOWN_PROMPTS = 4;
/** Evaluation prompts whose three answers people compare, one vote each. */
const VOTES = 200;

/** The demo's project with its prompts, and the pretraining run that its round waits for. */
export async function prepareProject(
  db: Database,
  world: World,
  admin: DemoPerson,
): Promise<{ projectId: string }> {
  const project = await createProject(db, {
    name: 'Small world',
    description: `Questions about a made-up world (seed ${world.seed}), answered and ranked by simulated contractors.`,
    guideline: GUIDELINE,
    createdBy: admin.id,
  });
  await db.transaction(async (tx) => {
    const rows = (['train', 'validation', 'evaluation'] as const).flatMap((split) =>
      world.promptsOf(split).map(({ id, text, kind }) => ({
        messages: [{ role: 'user' as const, content: text }],
        source: `demo world ${world.seed}`,
        externalId: id,
        split,
        metadata: { kind },
      })),
    );
    await insertPrompts(tx, project.id, rows);
  });
  return { projectId: project.id };
}

/** Writes the world's documents and queues the pretraining of a base model on them. */
export async function startBaseModel(
  db: Database,
  home: string,
  world: World,
  projectId: string,
  admin: DemoPerson,
): Promise<string> {
  const recipe = demoRecipe(world.seed);
  const folder = join(home, 'world');
  await mkdir(folder, { recursive: true });
  const documents = world.documents(recipe.documents);
  const lines = documents.map((document) => `${JSON.stringify(document)}\n`);
  await pipeline(Readable.from(lines), createWriteStream(join(folder, 'documents.jsonl')));
  return startPretrain(db, {
    name: 'Base model',
    projectId,
    createdBy: admin.id,
    settings: {
      ...recipe.pretrain,
      sources: [{ path: 'world/documents.jsonl' }],
      samplePrompts: shownPrompts(world).map((text) => `Question: ${text}\nAnswer:`),
    },
  });
}

/** What the round is launched with. */
export function roundPlan(world: World): { targets: RoundTargets; config: RoundConfigInput } {
  const recipe = demoRecipe(world.seed);
  const { labels, sampling } = recipe;
  const samplePrompts = shownPrompts(world);
  const evaluationPrompts = Math.min(recipe.evaluationPrompts, world.promptsOf('evaluation').length);
  const votes = Math.min(VOTES, evaluationPrompts);
  return {
    targets: {
      demonstrations: labels.demonstrations,
      rankings: labels.rankings + labels.heldOutRankings + labels.doubleRankings,
      votes,
    },
    config: {
      seed: world.seed,
      sft: { ...recipe.sft, samplePrompts },
      reward: { ...recipe.reward },
      ppo: { ...recipe.ppo, samplePrompts },
      sampling: {
        completionsPerPrompt: labels.completionsPerRanking,
        samplesPerPrompt: labels.samplesPerRanking,
        trainPrompts: labels.rankings,
        validationPrompts: labels.heldOutRankings,
        doublePrompts: labels.doubleRankings,
        ...sampling,
      },
      evaluation: { prompts: evaluationPrompts, votePrompts: votes, votesPerPrompt: 1, ...sampling },
    },
  };
}

/** The same four questions at every stage, so that one sees the model change. */
function shownPrompts(world: World): string[] {
  const prompts = world.promptsOf('evaluation');
  const kinds = [...new Set(prompts.map(({ kind }) => kind))];
  return kinds
    .flatMap((kind) => prompts.find((prompt) => prompt.kind === kind)?.text ?? [])
    .slice(0, SHOWN_PROMPTS);
}
