import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDemonstrations, readDocuments, readPrompts, readRankings } from '../data/json-lines.ts';
import { renderPrompt, renderResponse } from '../data/template.ts';
import { ppoConfig } from '../stages/ppo.config.ts';
import { pretrainConfig } from '../stages/pretrain.config.ts';
import { rewardConfig } from '../stages/reward.config.ts';
import { sftConfig } from '../stages/sft.config.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ranksFromGroups, writeWorld } from './files.ts';
import { demoRecipe } from './recipe.ts';
import { createWorld } from './world.ts';

const world = createWorld(6);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchstone-world-'));
  writeWorld(world, folder, { documents: 3000, demonstrations: 300, rankings: 100 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('writeWorld', () => {
  test('the trainer reads back what was written', () => {
    expect([...readDocuments(join(folder, 'documents.jsonl'))]).toHaveLength(3000);
    expect([...readDemonstrations(join(folder, 'demonstrations.jsonl'))]).toHaveLength(300);
    const rankings = [...readRankings(join(folder, 'rankings.jsonl'))];
    expect(rankings).toHaveLength(110);
    const held = rankings.filter((ranking) => ranking.split === 'validation').map(({ prompt }) => prompt);
    expect(held).toEqual(
      world
        .promptsOf('validation')
        .slice(0, 10)
        .map(({ text }) => text),
    );
    const evaluation = [...readPrompts(join(folder, 'evaluation-prompts.jsonl'))];
    expect(evaluation.map(({ prompt }) => prompt)).toEqual(
      world.promptsOf('evaluation').map(({ text }) => text),
    );
  });

  test('every stage accepts its config', () => {
    const schemas = { pretrain: pretrainConfig, sft: sftConfig, reward: rewardConfig, ppo: ppoConfig };
    for (const [stage, schema] of Object.entries(schemas)) {
      const config: unknown = JSON.parse(readFileSync(join(folder, `${stage}.json`), 'utf8'));
      expect(schema.safeParse(config).error).toBeUndefined();
    }
  });

  test('prompts, demonstrations and completions fit the token limits of the recipe', () => {
    const recipe = demoRecipe(6);
    const texts = world.documents(3000).map(({ text }) => text);
    const tokenizer = Tokenizer.train(texts, { vocabularySize: recipe.pretrain.vocabularySize ?? 512 });
    const context = recipe.pretrain.context ?? 0;
    const promptLengths = world.prompts.map(({ text }) => tokenizer.encode(renderPrompt(text)).length);
    expect(Math.max(...promptLengths)).toBeLessThanOrEqual(28);
    expect(Math.max(...promptLengths) + recipe.sampling.maxNewTokens).toBeLessThanOrEqual(context);
    const responses = [...readDemonstrations(join(folder, 'demonstrations.jsonl'))].map(
      ({ completion }) => tokenizer.encode(renderResponse(completion)).length,
    );
    // A few long-winded ones are cut off by the sampling limit; most are well inside it.
    const fitting = responses.filter((length) => length <= recipe.sampling.maxNewTokens).length;
    expect(fitting / responses.length).toBeGreaterThan(0.96);
    expect(responses.reduce((sum, length) => sum + length, 0) / responses.length).toBeLessThan(18);
    const documents = texts.map((text) => tokenizer.encode(text).length);
    expect(documents.filter((length) => length <= context).length / documents.length).toBeGreaterThan(0.96);
  });
});

test('ranks from groups: equal numbers are ties, and a rank counts all that are better', () => {
  expect(ranksFromGroups([[2], [0, 3], [1]])).toEqual([2, 4, 1, 2]);
});
