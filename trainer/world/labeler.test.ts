import { describe, expect, test } from 'vitest';
import { SimulatedLabeler } from './labeler.ts';
import { createWorld, type World } from './world.ts';

/** Four different completions for each of the first `count` training prompts, as labelers would write them. */
function completionSets(world: World, count: number): { prompt: string; completions: string[] }[] {
  const writers = [1, 2, 3, 4].map((seed) => new SimulatedLabeler(world, { seed }));
  return world
    .promptsOf('train')
    .slice(0, count)
    .map(({ text }) => {
      const completions = new Set<string>();
      for (let attempt = 0; attempt < 12 && completions.size < 4; attempt++) {
        const writer = writers[attempt % writers.length];
        if (writer !== undefined) completions.add(writer.demonstrate(text));
      }
      return { prompt: text, completions: [...completions] };
    });
}

/** Rank of each completion from its groups: equal numbers are ties. */
function ranksOf(groups: number[][]): Map<number, number> {
  return new Map(groups.flatMap((group, rank) => group.map((index): [number, number] => [index, rank])));
}

/** Share of pairs that two labelers order alike, among those that neither ties. */
function pairwiseAgreement(world: World, a: SimulatedLabeler, b: SimulatedLabeler, prompts: number): number {
  let agreed = 0;
  let pairs = 0;
  for (const { prompt, completions } of completionSets(world, prompts)) {
    const [first, second] = [ranksOf(a.rank(prompt, completions)), ranksOf(b.rank(prompt, completions))];
    for (let i = 0; i < completions.length; i++) {
      for (let j = 0; j < i; j++) {
        const one = (first.get(i) ?? 0) - (first.get(j) ?? 0);
        const two = (second.get(i) ?? 0) - (second.get(j) ?? 0);
        if (one === 0 || two === 0) continue;
        pairs++;
        if (one > 0 === two > 0) agreed++;
      }
    }
  }
  return agreed / pairs;
}

describe('SimulatedLabeler', () => {
  test.each([1, 2, 3, 4, 5])('seed %i: two labelers agree on 73 to 77 percent of untied pairs', (seed) => {
    const world = createWorld(seed);
    // Three pairs of labelers, some ten thousand pairs of completions: the standard error is half a percent.
    const rates = [11, 12, 13].map((labeler) =>
      pairwiseAgreement(
        world,
        new SimulatedLabeler(world, { seed: labeler }),
        new SimulatedLabeler(world, { seed: labeler + 10 }),
        800,
      ),
    );
    const agreement = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(agreement).toBeGreaterThan(0.73);
    expect(agreement).toBeLessThan(0.77);
  });

  test('without noise it ranks by the rubric, equals together', () => {
    const world = createWorld(1);
    const labeler = new SimulatedLabeler(world, { seed: 1, noise: 0 });
    for (const { prompt, completions } of completionSets(world, 100)) {
      const groups = labeler.rank(prompt, completions);
      expect(groups.flat().toSorted()).toEqual(completions.map((_, index) => index));
      const scores = groups.map((group) =>
        group.map((index) => world.gold(prompt, completions[index] ?? '').score),
      );
      for (let g = 1; g < scores.length; g++) {
        expect(Math.min(...(scores[g - 1] ?? []))).toBeGreaterThan(Math.max(...(scores[g] ?? [])));
      }
    }
  });

  test('the same seed ranks, writes and rates the same', () => {
    const world = createWorld(5);
    const sets = completionSets(world, 50);
    const all = (labeler: SimulatedLabeler) =>
      sets.map(({ prompt, completions }) => [
        labeler.rank(prompt, completions),
        labeler.demonstrate(prompt),
        completions.map((completion) => labeler.rate(prompt, completion)),
      ]);
    const first = all(new SimulatedLabeler(world, { seed: 3 }));
    expect(all(new SimulatedLabeler(world, { seed: 3 }))).toEqual(first);
    expect(all(new SimulatedLabeler(world, { seed: 4 }))).not.toEqual(first);
  });

  test('ratings are whole numbers from 1 to 7 that follow the rubric', () => {
    const world = createWorld(2);
    const labeler = new SimulatedLabeler(world, { seed: 1 });
    const byScore: Record<'low' | 'high', number[]> = { low: [], high: [] };
    for (const { prompt, completions } of completionSets(world, 200)) {
      for (const completion of completions) {
        const rating = labeler.rate(prompt, completion);
        expect([1, 2, 3, 4, 5, 6, 7]).toContain(rating);
        byScore[world.gold(prompt, completion).score > 0.5 ? 'high' : 'low'].push(rating);
      }
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(byScore.high) - mean(byScore.low)).toBeGreaterThan(2);
  });

  test('demonstrations are of mixed quality: neither good throughout nor bad', () => {
    const world = createWorld(1);
    const labeler = new SimulatedLabeler(world, { seed: 1 });
    const scores = world
      .promptsOf('train')
      .map(({ text }) => world.gold(text, labeler.demonstrate(text)).score);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    expect(mean).toBeGreaterThan(0.5);
    expect(mean).toBeLessThan(0.68);
    expect(new Set(scores.map((score) => score.toFixed(2))).size).toBeGreaterThanOrEqual(6);
  });
});
