import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../data/batch.ts';
import { encodePrompt } from '../data/demonstrations.ts';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { loadLanguageModel } from '../model/checkpoint.ts';
import { generate } from '../model/generate.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { runStage } from './index.ts';
import { isWalk, LONGEST_WALK, randomWalk, STARTS, shortestWalk } from './testing/graph.ts';
import { madeReward } from './testing/made-rewards.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
let tokenizer: Tokenizer;
let sft: string;
let reward: string;

// A space, the nodes, and the end-of-text token that stands for the goal.
const maxNewTokens = LONGEST_WALK + 2;
/** What a walk of so many nodes is worth. */
const worth = (nodes: number): number => 1 - 0.12 * (nodes - 1);

beforeAll(async () => {
  await openDevice('auto');
  tokenizer = letterTokenizer();
  const random = new Random(5);
  const model = tinyModel(tokenizer, 1, { width: 32 });
  const start = await writeTiny(join(folder, 'start'), model, tokenizer);
  model.dispose();
  const demonstrations = Array.from({ length: 360 }, (_, i) => {
    const from = STARTS[i % STARTS.length] ?? 'a';
    return { prompt: from, completion: randomWalk(from, random) };
  });
  const { checkpoint } = await runStage(
    'sft',
    {
      model: start,
      demonstrations: writeLines(folder, 'walks.jsonl', demonstrations),
      validationFraction: 0,
      epochs: 24,
      batchSize: 32,
      learningRate: 2e-2,
      dropout: 0,
    },
    recordingContext(join(folder, 'sft')).context,
  );
  sft = checkpoint;
  const prompt = encodePrompt('a', tokenizer, 40).tokens.length;
  // The end of a walk of n nodes stands n + 1 cells after the prompt's last, as a space comes first.
  const made = madeReward(tokenizer, { position: (at) => worth(at - prompt - 1) });
  reward = await writeTiny(join(folder, 'reward'), made, tokenizer, { stage: 'reward' });
  for (const nodes of [1, 5, LONGEST_WALK]) {
    const sequence = [
      ...encodePrompt('a', tokenizer, 40).tokens,
      ...tokenizer.encode(` ${'b'.repeat(nodes)}`),
      tokenizer.endOfText,
    ];
    const score = made.scores(rightPadded([sequence], tokenizer.padding));
    expect(Math.abs((score.dataSync()[0] ?? 0) - worth(nodes))).toBeLessThan(5e-3);
    score.dispose();
  }
  made.dispose();
});
afterAll(remove);

/** Mean share of the best possible: 1 for a shortest walk, less for a longer one, 0 for no walk at all. */
async function optimality(checkpoint: string): Promise<number> {
  const model = await loadLanguageModel(checkpoint);
  const starts = STARTS.flatMap((start) => Array<string>(60).fill(start));
  const generations = await generate(
    model,
    starts.map((start) => encodePrompt(start, tokenizer, 40).tokens),
    { maxNewTokens, temperature: 1, seed: 3, stopTokens: [tokenizer.endOfText] },
  );
  model.dispose();
  const shares = generations.map(({ tokens, finished }, i) => {
    const start = starts[i] ?? 'a';
    const text = tokenizer.decode(tokens);
    const walk = text.slice(1);
    if (!finished || text[0] !== ' ' || !isWalk(start, walk)) return 0;
    return worth(walk.length) / worth(shortestWalk(start));
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

describe('random walks on a graph', () => {
  it('knows the shortest walks', () => {
    expect(STARTS.map(shortestWalk)).toEqual([3, 2, 2, 1, 2, 1]);
    expect(isWalk('a', 'bdg')).toBe(true);
    expect(isWalk('a', 'bg')).toBe(false);
  });

  it.each([1, 2, 3])(
    'from a model of random walks, PPO finds the shortest ones: at least 95 percent of the optimum (seed %i)',
    async (seed) => {
      const recording = recordingContext(join(folder, `run-${seed}`));
      const { checkpoint } = await runStage(
        'ppo',
        {
          seed,
          model: sft,
          reward,
          prompts: writeLines(
            folder,
            'starts.jsonl',
            STARTS.map((prompt) => ({ prompt })),
          ),
          iterations: 20,
          batchSize: 96,
          rolloutBatchSize: 96,
          minibatches: 2,
          epochs: 2,
          maxNewTokens,
          learningRate: 5e-3,
          schedule: 'cosine',
          valueLearningRate: 2e-2,
          valueCoefficient: 1,
          valueWarmupIterations: 2,
          beta: 0.06,
          missingEndOfTextScore: -0.5,
          checkpointEvery: 100,
        },
        recording.context,
      );
      const before = await optimality(sft);
      const after = await optimality(checkpoint);
      expect(before).toBeLessThan(0.75);
      expect(after).toBeGreaterThan(0.95);
    },
  );
});
