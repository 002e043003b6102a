import { describe, expect, test } from 'vitest';
import { QUALITIES } from './demonstrations.ts';
import { createRandom } from './random.ts';
import { createWorld } from './world.ts';

const SEEDS = [1, 2, 3, 4, 5];

describe('createWorld', () => {
  test('the same seed makes the same world, another seed another', () => {
    const [first, again, other] = [createWorld(7), createWorld(7), createWorld(8)];
    expect(again.prompts).toEqual(first.prompts);
    expect(again.documents(200)).toEqual(first.documents(200));
    expect(other.entities.towns).not.toEqual(first.entities.towns);
  });

  test('a longer list of documents begins with the shorter one', () => {
    const world = createWorld(3);
    expect(world.documents(300).slice(0, 100)).toEqual(world.documents(100));
  });

  test.each(SEEDS)('seed %i: no text is in two splits, and ids are unique', (seed) => {
    const { prompts } = createWorld(seed);
    expect(new Set(prompts.map((prompt) => prompt.text)).size).toBe(prompts.length);
    expect(new Set(prompts.map((prompt) => prompt.id)).size).toBe(prompts.length);
  });

  test.each(SEEDS)('seed %i: every split has every kind, and enough prompts for the demo', (seed) => {
    const world = createWorld(seed);
    for (const [split, least] of [
      ['train', 740],
      ['validation', 170],
      ['evaluation', 240],
    ] as const) {
      const prompts = world.promptsOf(split);
      expect(prompts.length).toBeGreaterThanOrEqual(least);
      expect(new Set(prompts.map((prompt) => prompt.kind)).size).toBe(6);
    }
  });

  test.each(SEEDS)('seed %i: there are 110 facts, each asked for in every split', (seed) => {
    const world = createWorld(seed);
    expect(world.entities.facts).toHaveLength(110);
    for (const split of ['train', 'validation', 'evaluation'] as const) {
      const texts = world.promptsOf(split).flatMap((prompt) => (prompt.kind === 'fact' ? [prompt.text] : []));
      expect(texts).toHaveLength(split === 'train' ? 330 : 110);
    }
  });

  test.each(SEEDS)('seed %i: names do not contain one another, nor any word of the language', (seed) => {
    const { towns, lostTowns, values } = createWorld(seed).entities;
    const names = [...towns, ...lostTowns, ...values.river, ...values.ruler];
    expect(new Set(names.map((name) => name.slice(0, 2))).size).toBe(names.length);
  });

  test('no document holds a question of the validation or evaluation split', () => {
    const world = createWorld(2);
    const heldOut = new Set(world.prompts.flatMap(({ split, text }) => (split === 'train' ? [] : [text])));
    for (const { text } of world.documents(4000)) {
      for (const line of text.split('\n')) {
        expect(heldOut.has(line.replace(/^(?:Question|Answer): /, ''))).toBe(false);
      }
    }
  });

  test('documents state every fact many times, and answer few questions in form', () => {
    const world = createWorld(4);
    const documents = world.documents(6000);
    const stated = documents.filter(({ source }) => source === 'town' || source === 'list');
    for (const { town, value } of world.entities.facts) {
      const count = stated.filter(({ text }) => text.includes(town) && text.includes(value)).length;
      expect(count).toBeGreaterThan(20);
    }
    const withAnswers = documents.filter(({ text }) => text.includes('\nAnswer:')).length / documents.length;
    expect(withAnswers).toBeGreaterThan(0.15);
    expect(withAnswers).toBeLessThan(0.25);
  });

  test.each(SEEDS)(
    'seed %i: a plain demonstration of every prompt scores 1, every other quality less',
    (seed) => {
      const world = createWorld(seed);
      const random = createRandom(seed, 'test');
      for (const { text } of world.prompts) {
        for (const quality of QUALITIES) {
          const { score } = world.gold(text, world.demonstrate(text, quality, random));
          if (quality === 'plain') expect(score, text).toBeCloseTo(1, 12);
          else expect(score, `${text} (${quality})`).toBeLessThan(0.8);
        }
      }
    },
  );

  test('an unknown prompt and a broken seed are errors that say so', () => {
    const world = createWorld(1);
    expect(() => world.gold('Who are you?', 'Nobody.')).toThrow(
      /"Who are you\?" is not a prompt of the demo world/,
    );
    expect(() => createWorld(1.5)).toThrow(/the seed is 1.5; expected a whole number/);
  });
});
