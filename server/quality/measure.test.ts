import { Random } from '@touchstone/trainer/engine/random.ts';
import { krippendorffAlpha, pairwiseAgreement, rankUnits } from '@touchstone/trainer/evaluation/agreement.ts';
import { eq } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { memberships, rankings, tasks } from '@/db/schema.ts';
import { seedProject } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import {
  HOUR,
  type SimulatedOptions,
  type SimulatedPerson,
  START,
  simulateRankings,
} from '@/tests/support/simulated-rankings.ts';
import { measureQuality, type QualityReport } from './measure.ts';

const { db } = await openTestDatabase();

const random = new Random(20_261_125);
const seedRankings = (people: SimulatedPerson[], options: SimulatedOptions) =>
  simulateRankings(db, random, people, options);

const measure = (projectId: string) => measureQuality(db, { projectId, purpose: 'training' });

/** Mean ranks of dense ranks: two that share the best place have 1.5 each. */
function meanRanks(ranks: number[]): number[] {
  return ranks.map((rank) => {
    const above = ranks.filter((other) => other < rank).length;
    return above + (ranks.filter((other) => other === rank).length + 1) / 2;
  });
}

describe('agreement, against the slow and obvious', () => {
  const people: SimulatedPerson[] = [
    { name: 'one', noise: 0.5, ties: 0.2 },
    { name: 'two', noise: 0.8, ties: 0.1 },
    { name: 'three', noise: 1, ties: 0.3 },
    { name: 'four', noise: Infinity },
  ];
  let seeded: Awaited<ReturnType<typeof seedRankings>>;
  let report: QualityReport;

  beforeAll(async () => {
    seeded = await seedRankings(people, { tasks: 60, size: 4, guidelineAt: 24 * HOUR, perPrompt: 2 });
    report = await measure(seeded.projectId);
  });

  it('counts the pairs of the project as the trainer’s plain function does', () => {
    const slow = pairwiseAgreement(seeded.given);
    expect(report.agreement.rate?.mean).toBeCloseTo(slow.rate, 12);
    expect(report.agreement.rate?.n).toBe(slow.pairs);
    expect(report.agreement.tied).toBe(slow.tied);
    expect(report.agreement.rate?.clusters).toBe(30);
    expect(report.rankings).toBe(240);
  });

  it('gives the α of Krippendorff’s formula on mean ranks', () => {
    const units = rankUnits(seeded.given.map((one) => ({ ...one, ranks: meanRanks(one.ranks) })));
    expect(report.agreement.alpha?.value).toBeCloseTo(krippendorffAlpha(units, 'ordinal'), 12);
  });

  it('holds each labeler against the others, and the others against each other', () => {
    for (const [p, id] of seeded.ids.entries()) {
      const slow = { agreed: 0, pairs: 0 };
      for (const other of seeded.ids.filter((_, index) => index !== p)) {
        const two = pairwiseAgreement(
          seeded.given.filter(({ labeler }) => labeler === id || labeler === other),
        );
        slow.agreed += two.agreed;
        slow.pairs += two.pairs;
      }
      const rest = pairwiseAgreement(seeded.given.filter(({ labeler }) => labeler !== id));
      const figures = report.labelers.find(({ userId }) => userId === id)?.agreement;
      expect(figures?.rate?.n).toBe(slow.pairs);
      expect(figures?.rate?.mean).toBeCloseTo(slow.agreed / slow.pairs, 12);
      expect(figures?.others?.n).toBe(rest.pairs);
      expect(figures?.others?.mean).toBeCloseTo(rest.rate, 12);
      expect(figures?.others?.clusters).toBe(30);
    }
  });

  it('parts guideline versions, days and hours', () => {
    for (const [index, version] of [1, 2].entries()) {
      const slow = pairwiseAgreement(
        seeded.given.filter(({ guideline }) => guideline === seeded.versions[index]),
      );
      const found = report.byGuideline.find((one) => one.version === version);
      expect(found?.rate?.n).toBe(slow.pairs);
      expect(found?.rate?.mean).toBeCloseTo(slow.rate, 12);
    }
    expect(report.overTime.unit).toBe('day');
    expect(report.overTime.points.map(({ from }) => from.toISOString().slice(0, 10))).toEqual([
      '2026-05-04',
      '2026-05-05',
      '2026-05-06',
    ]);
    expect(report.overTime.points.map(({ rankings: count }) => count)).toEqual([96, 96, 48]);
    const [second] = report.overTime.points.slice(1);
    const slow = pairwiseAgreement(
      seeded.given.filter(({ at }) => Math.floor((at - START) / (24 * HOUR)) === 1),
    );
    expect(second?.rate?.mean).toBeCloseTo(slow.rate, 12);
    const third = report.byHour[3];
    const atThree = pairwiseAgreement(seeded.given.filter(({ at }) => (at / HOUR) % 24 === 3));
    expect(third?.rankings).toBe(12);
    // Each pair counts for the hour of both of its rankings.
    expect(third?.rate?.n).toBe(2 * atThree.pairs);
    expect(third?.rate?.mean).toBeCloseTo(atThree.rate, 12);
  });

  it('does not let rankings of different lengths agree by their length alone', async () => {
    const guesses = [
      { name: 'a', noise: Infinity },
      { name: 'b', noise: Infinity },
    ];
    const { projectId, given } = await seedRankings(guesses, { tasks: 240, size: [2, 9] });
    const mixed = await measure(projectId);
    expect(Math.abs(mixed.agreement.alpha?.value ?? 1)).toBeLessThan(0.08);
    // All in one matrix they would.
    expect(krippendorffAlpha(rankUnits(given), 'ordinal')).toBeGreaterThan(0.15);
  });
});

describe('simulated labelers', () => {
  it('finds the one who guesses, and nobody else', async () => {
    const people = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, noise: 0.7 }));
    const { projectId, ids } = await seedRankings([...people, { name: 'guesser', noise: Infinity }], {
      tasks: 120,
      size: 4,
    });
    const report = await measure(projectId);
    const guesser = report.labelers.find(({ name }) => name === 'guesser');
    expect(guesser?.agreement?.rate?.low).toBeLessThan(0.5);
    expect(guesser?.agreement?.rate?.high).toBeGreaterThan(0.5);
    expect(guesser?.agreement?.alpha?.value).toBeLessThan(0.1);
    // Two who add noise s to a worth of variance 1 order pairs with a correlation of 1 / (1 + s²), and two normals of
    // correlation r have the same sign with probability 1 − acos(r) / π.
    const expected = 1 - Math.acos(1 / (1 + 0.7 ** 2)) / Math.PI;
    const others = guesser?.agreement?.others;
    expect(others?.low).toBeLessThan(expected);
    expect(others?.high).toBeGreaterThan(expected);
    expect(report.flags.map(({ kind, userId }) => [kind, userId])).toEqual([['agreement', ids[5]]]);
    expect(report.flags[0]?.sentence).toMatch(
      /^agrees with others on \d+\s%\s±\s\d+ of [\d,]+ pairs; the others with each other on \d+\s%\s±\s\d\.$/,
    );
  });

  it('finds a bias to what is shown first where it was put in, and none where it was not', async () => {
    const { projectId } = await seedRankings(
      [
        { name: 'fair', noise: 0.7 },
        { name: 'first', noise: 0.7, firstBonus: 1.5 },
        { name: 'fair too', noise: 0.7, ties: 0.3 },
      ],
      { tasks: 200, size: [3, 5] },
    );
    const report = await measure(projectId);
    const of = (name: string) => report.labelers.find((one) => one.name === name)?.bias?.position;
    expect(of('first')?.p).toBeLessThan(1e-6);
    expect(of('first')?.places[0]?.first.low).toBeGreaterThan(of('first')?.places[0]?.chance ?? 1);
    expect(of('fair')?.p).toBeGreaterThan(0.01);
    expect(of('fair too')?.p).toBeGreaterThan(0.01);
    expect(of('fair')?.places.map(({ chance }) => Number(chance.toFixed(4)))).toEqual([
      0.2667, 0.2667, 0.2667, 0.2, 0.2,
    ]);
    expect(report.flags.filter(({ kind }) => kind === 'position')).toHaveLength(1);
  });

  it('tells how often the longer completion wins, and how a reward model fares by margin', async () => {
    // Worth is length is reward here: with little noise the three say the same.
    const { projectId } = await seedRankings(
      [
        { name: 'a', noise: 0.3 },
        { name: 'b', noise: 0.3 },
      ],
      { tasks: 150, size: 4 },
    );
    const report = await measure(projectId);
    expect(report.bias.longer?.low).toBeGreaterThan(0.8);
    expect(report.reward?.byMargin.map(({ from, to }) => [from, to])).toEqual([
      [0, 0.25],
      [0.25, 0.5],
      [0.5, 1],
      [1, 2],
      [2, null],
    ]);
    const [near, , , , far] = report.reward?.byMargin ?? [];
    expect(near?.model?.high).toBeLessThan(far?.model?.low ?? 0);
    expect(far?.people?.mean).toBeGreaterThan(0.95);
    // The model is the truth here, so it agrees with people more than they do with each other.
    expect(report.reward?.model?.mean).toBeGreaterThan(report.reward?.people?.mean ?? 1);
    expect(report.reward?.model?.n).toBe(150 * 6 * 2);
    expect(report.reward?.people?.n).toBe(150 * 6);
  });

  it('finds who is faster than anybody reads', async () => {
    // 600 + 4 · 600 characters are 500 words: 30 s at 1,000 words a minute.
    const { projectId, ids } = await seedRankings(
      [
        { name: 'hasty', noise: 0.5, secondsPerTask: 20 },
        { name: 'calm', noise: 0.5, secondsPerTask: 150 },
      ],
      { tasks: 12, size: 4 },
    );
    const report = await measure(projectId);
    const hasty = report.labelers.find(({ userId }) => userId === ids[0])?.rankingSpeed;
    expect(hasty?.medianSeconds).toBe(20);
    expect(hasty?.tooFast).toBeGreaterThanOrEqual(11);
    expect(report.labelers.find(({ userId }) => userId === ids[1])?.rankingSpeed?.tooFast).toBe(0);
    expect(report.flags.map(({ userId, kind }) => [userId, kind])).toContainEqual([ids[0], 'speed']);
  });
});

describe('what counts', () => {
  it('leaves out late and superseded rankings, votes and gold; a revoked person stands beside the project', async () => {
    const { projectId, ids } = await seedRankings(
      [
        { name: 'a', noise: 0 },
        { name: 'b', noise: 0 },
        { name: 'c', noise: Infinity },
        { name: 'late', noise: Infinity, late: true },
      ],
      { tasks: 40, size: 3 },
    );
    const before = await measure(projectId);
    expect(before.agreement.rate?.mean).toBeLessThan(1);
    expect(before.agreement.rate?.n).toBe(40 * 3 * 3);
    await db
      .update(memberships)
      .set({ standing: 'revoked' })
      .where(eq(memberships.userId, ids[2] ?? ''));
    const revoked = await measure(projectId);
    expect(revoked.agreement.rate?.mean).toBe(1);
    expect(revoked.agreement.rate?.n).toBe(40 * 3);
    expect(revoked.rankings).toBe(80);
    const one = revoked.labelers.find(({ userId }) => userId === ids[2]);
    expect(one?.rankings).toBe(40);
    expect(one?.agreement?.rate?.n).toBe(40 * 3 * 2);
    expect(one?.agreement?.others?.mean).toBe(1);
    expect(revoked.labelers.find(({ userId }) => userId === ids[0])?.agreement?.rate?.mean).toBe(1);
    // Of the two who are left, one person's rankings gave way to newer versions: nothing is left to compare.
    await db
      .update(rankings)
      .set({ supersededAt: new Date() })
      .where(eq(rankings.labelerId, ids[1] ?? ''));
    expect((await measure(projectId)).agreement.rate).toBeNull();
    await db.update(tasks).set({ purpose: 'gold', gold: {} }).where(eq(tasks.projectId, projectId));
    expect((await measure(projectId)).rankings).toBe(0);
    expect((await measureQuality(db, { projectId, purpose: 'gold' })).rankings).toBe(40);
  });

  it('measures a project without a label', async () => {
    const project = await seedProject(db);
    const report = await measure(project.id);
    expect(report).toMatchObject({
      rankings: 0,
      demonstrations: 0,
      agreement: { rate: null, alpha: null },
      labelers: [],
      flags: [],
      reward: null,
    });
  });
});
