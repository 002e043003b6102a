import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimulatedLabeler } from './labeler.ts';
import type { Split } from './prompts.ts';
import { demoRecipe } from './recipe.ts';
import type { World } from './world.ts';

export interface WriteWorldOptions {
  /** Documents to write; default: as many as the demo pretrains on. */
  documents?: number;
  /** Demonstrations to write, one a training prompt; default: as the demo. */
  demonstrations?: number;
  /** Rankings to write, one a training prompt (a tenth as many of validation prompts); default: as the demo. */
  rankings?: number;
  /** Simulated labelers who share the work. */
  labelers?: number;
}

const RANKED_COMPLETIONS = 4;

function writeJsonLines(file: string, rows: readonly unknown[]): void {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** Ranks (1 = best, equal = tie) from groups of indices, best first; a group's rank counts all that are better. */
export function ranksFromGroups(groups: readonly (readonly number[])[]): number[] {
  const ranks: number[] = [];
  let better = 0;
  for (const group of groups) {
    for (const index of group) ranks[index] = better + 1;
    better += group.length;
  }
  return ranks;
}

/** Up to four different completions that simulated people wrote for a prompt: enough to fit a reward model on. */
function writtenCompletions(labelers: readonly SimulatedLabeler[], prompt: string): string[] {
  const completions = new Set<string>();
  for (let attempt = 0; attempt < 4 * RANKED_COMPLETIONS; attempt++) {
    if (completions.size === RANKED_COMPLETIONS) break;
    const labeler = labelers[attempt % labelers.length];
    if (labeler !== undefined) completions.add(labeler.demonstrate(prompt));
  }
  return [...completions];
}

/**
 * Writes a world as files that the trainer's commands read: documents, demonstrations, rankings, the prompts of each
 * split, a config for every stage, and a README that says how to run them.
 *
 * @returns the names of the files written
 */
export function writeWorld(world: World, folder: string, options: WriteWorldOptions = {}): string[] {
  const recipe = demoRecipe(world.seed);
  const labelerCount = options.labelers ?? 10;
  if (labelerCount < 1) throw new Error(`writeWorld: labelers is ${labelerCount}; expected at least 1`);
  const labelers = Array.from({ length: labelerCount }, (_, seed) => new SimulatedLabeler(world, { seed }));
  const labelerOf = (index: number): SimulatedLabeler => {
    const labeler = labelers[index % labelers.length];
    if (labeler === undefined) throw new Error('writeWorld: there are no labelers; expected at least 1');
    return labeler;
  };
  mkdirSync(folder, { recursive: true });
  const written: string[] = [];
  const write = (name: string, rows: readonly unknown[]): void => {
    writeJsonLines(join(folder, name), rows);
    written.push(name);
  };
  const promptLines = (split: Split) => world.promptsOf(split).map(({ id, text }) => ({ id, prompt: text }));
  const rankings = (split: Split, count: number) =>
    world
      .promptsOf(split)
      .slice(0, count)
      .map(({ id, text }, index) => {
        const completions = writtenCompletions(labelers, text);
        const ranks = ranksFromGroups(labelerOf(index).rank(text, completions));
        const labeler = `labeler-${index % labelerCount}`;
        return { prompt: text, completions, ranks, group_id: id, labeler, split };
      });

  write('documents.jsonl', world.documents(options.documents ?? recipe.documents));
  write(
    'demonstrations.jsonl',
    world
      .promptsOf('train')
      .slice(0, options.demonstrations ?? recipe.labels.demonstrations)
      .map(({ text }, index) => ({ prompt: text, completion: labelerOf(index).demonstrate(text) })),
  );
  const rankingCount = options.rankings ?? recipe.labels.rankings;
  write('rankings.jsonl', [
    ...rankings('train', rankingCount),
    ...rankings('validation', Math.max(1, Math.round(rankingCount / 10))),
  ]);
  write('prompts.jsonl', promptLines('train'));
  write('validation-prompts.jsonl', promptLines('validation'));
  write('evaluation-prompts.jsonl', promptLines('evaluation'));

  const path = (...parts: string[]): string => join(folder, ...parts);
  const model = (stage: string): string => path('runs', stage, 'model');
  const configs = {
    pretrain: { ...recipe.pretrain, sources: [{ path: path('documents.jsonl') }] },
    sft: { ...recipe.sft, model: model('pretrain'), demonstrations: path('demonstrations.jsonl') },
    reward: { ...recipe.reward, model: model('sft'), rankings: path('rankings.jsonl') },
    ppo: { ...recipe.ppo, model: model('sft'), reward: model('reward'), prompts: path('prompts.jsonl') },
  };
  for (const [stage, config] of Object.entries(configs)) {
    const name = `${stage}.json`;
    writeFileSync(path(name), `${JSON.stringify(config, null, 2)}\n`);
    written.push(name);
  }
  writeFileSync(path('README.md'), readme(world, folder));
  written.push('README.md');
  return written;
}

function readme(world: World, folder: string): string {
  const count = (split: Split): number => world.promptsOf(split).length;
  const commands = ['pretrain', 'sft', 'reward', 'ppo'].map(
    (stage) =>
      `npx touchstone ${stage} --config ${join(folder, `${stage}.json`)} --out ${join(folder, 'runs', stage)}`,
  );
  return `# The demo world of seed ${world.seed}

Made by \`touchstone demo-world\`. All names are invented, and so is every fact.

| file | what it holds |
|---|---|
| documents.jsonl | short texts that state the facts, and questions that are mostly followed by further questions |
| demonstrations.jsonl | answers of mixed quality by simulated people |
| rankings.jsonl | such answers ranked by simulated people who follow a rubric, with noise; \`split\` says which are held out |
| prompts.jsonl | the ${count('train')} training prompts |
| validation-prompts.jsonl | ${count('validation')} held-out prompts |
| evaluation-prompts.jsonl | ${count('evaluation')} prompts, the same facts in wordings that occur nowhere else |
| pretrain.json, sft.json, reward.json, ppo.json | a config for each stage |

From an untrained model to a policy, in order:

\`\`\`
${commands.join('\n')}
\`\`\`
`;
}
