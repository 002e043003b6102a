import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rightPadded } from '../data/batch.ts';
import { renderPrompt, renderResponse } from '../data/template.ts';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { rewardReportSchema } from '../evaluation/reward-report.ts';
import { scoreCompletions } from '../evaluation/sample.ts';
import { loadLanguageModel, loadScalarModel, readMetadata } from '../model/checkpoint.ts';
import { generate } from '../model/generate.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { runStage } from './index.ts';
import { type RewardInput, rewardConfig } from './reward.config.ts';
import { moments } from './shared/advantages.ts';
import { scoreSequences } from './shared/episodes.ts';
import { seedFor } from './shared/seeds.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
const tokenizer = letterTokenizer();
let config: RewardInput;
/** Rankings that order something, by split, and the rest. */
const expected = { train: 0, validation: 0, tied: 1 };
const completions: { prompt: string; completion: string }[] = [];

/** Rank by how many times the letter "a" occurs; as many are a tie. */
function ranked(random: Random, prompt: string, count: number) {
  const texts = new Set<string>();
  while (texts.size < count) {
    texts.add(Array.from({ length: 4 }, () => 'abcd'[random.integer(4)]).join(''));
  }
  const own = [...texts];
  const counts = own.map((text) => text.split('a').length - 1);
  return {
    prompt,
    completions: own,
    ranks: counts.map((n) => 1 + counts.filter((other) => other > n).length),
  };
}

beforeAll(async () => {
  await openDevice('auto');
  const model = tinyModel(tokenizer, 1, { width: 32 });
  const parent = await writeTiny(join(folder, 'parent'), model, tokenizer);
  model.dispose();
  const random = new Random(5);
  const rankings = Array.from({ length: 60 }, (_, i) => ({
    ...ranked(random, 'abcdefgh'[i % 8] ?? 'a', 4),
    split: i < 48 ? 'train' : 'validation',
  }));
  for (const { prompt, completions: texts, ranks, split } of rankings) {
    if (new Set(ranks).size === 1) expected.tied += 1;
    else expected[split === 'train' ? 'train' : 'validation'] += 1;
    if (new Set(ranks).size === 1) continue;
    if (split === 'train') for (const completion of texts) completions.push({ prompt, completion });
  }
  const tied = { prompt: 'h', completions: ['b', 'c'], ranks: [1, 1], split: 'train' };
  config = {
    seed: 3,
    model: parent,
    rankings: writeLines(folder, 'rankings.jsonl', [...rankings, tied]),
    epochs: 1,
    batchSize: 8,
    microBatchSize: 4,
    learningRate: 3e-3,
    checkpointEvery: 2,
  };
});
afterAll(remove);

async function run(name: string, more: Partial<RewardInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('reward', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

/** Raw scores of whole sequences under a reward model. */
async function rawScores(checkpoint: string, sequences: number[][]): Promise<number[]> {
  const model = await loadScalarModel(checkpoint);
  const scores = await scoreSequences(model, sequences, { padding: tokenizer.padding, chunk: 64 });
  model.dispose();
  return scores;
}

const sequenceOf = (prompt: string, completion: string): number[] => [
  ...tokenizer.encode(renderPrompt(prompt)),
  ...tokenizer.encode(renderResponse(completion)),
  tokenizer.endOfText,
];

describe('reward', () => {
  it('learns the order on held-out rankings, is normalised, and counts rankings that order nothing', async () => {
    const { result, messages } = await run('learns', { epochs: 12 });
    expect(messages).toContain(`${expected.train} rankings to train on, ${expected.validation} held out.`);
    expect(messages).toContainEqual(
      expect.stringMatching(
        `^${expected.tied} rankings were left out: they order nothing \\(all tied, .*\\) \\(the first: .*rankings.jsonl:\\d+\\)\\.$`,
      ),
    );
    const { validationAccuracy = 0, validationAccuracyLow = 1, validationAccuracyHigh = 0 } = result.metrics;
    expect(validationAccuracy).toBeGreaterThan(0.85);
    expect(validationAccuracyLow).toBeLessThanOrEqual(validationAccuracy);
    expect(validationAccuracyHigh).toBeGreaterThanOrEqual(validationAccuracy);

    const scores = await scoreCompletions(result.checkpoint, completions);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
    expect(Math.abs(mean)).toBeLessThan(1e-4);
    expect(Math.abs(variance - 1)).toBeLessThan(1e-3);
    expect(readMetadata(result.checkpoint)?.rewardGain).toBeCloseTo(result.metrics.rewardGain ?? 0, 9);
  });

  it('puts demonstrations at 0 on average when asked to', async () => {
    const demonstrations = writeLines(folder, 'demonstrations.jsonl', completions.slice(0, 30));
    const { result } = await run('demonstrations', { normalization: 'demonstrations', demonstrations });
    const scores = await scoreCompletions(result.checkpoint, completions.slice(0, 30));
    expect(Math.abs(scores.reduce((sum, score) => sum + score, 0) / 30)).toBeLessThan(1e-4);
    expect(result.metrics.rewardGain).toBe(1);
  });

  it('killed at any step, ends with the same curve and weights, bit for bit', async () => {
    const whole = await run('whole');
    for (let at = 1; at < whole.reports.length; at++) {
      const first = await run(`killed at ${at}`, {}, at);
      const second = await run(`killed at ${at}`);
      expect(second.result.resumedFrom).toBe(at);
      expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
      expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
    }
    const report = (name: string): string => readFileSync(join(folder, name, 'reward-report.json'), 'utf8');
    expect(report('killed at 1')).toBe(report('whole'));
  });

  it('does not depend on micro-batches, and follows the committed trajectory (1e-4)', async () => {
    const whole = await run('micro', { microBatchSize: null });
    const cut = await run('micro1', { microBatchSize: 1 });
    const trajectory = [0.696226, 0.667721, 0.568274, 0.341696, 0.152291, 0.085827];
    expect(whole.reports).toHaveLength(trajectory.length);
    for (const [i, { values }] of whole.reports.entries()) {
      expect(Math.abs((values.loss ?? 0) / (cut.reports[i]?.values.loss ?? 0) - 1)).toBeLessThan(5e-6);
    }
    for (const [i, loss] of trajectory.entries()) {
      expect(Math.abs((whole.reports[i]?.values.loss ?? 0) - loss)).toBeLessThan(1e-4);
    }
  });

  it('takes a ranking of K as one element of the batch: K forward passes, whatever its pairs', async () => {
    // A spy that calls through.
    const scores = vi.spyOn(ScalarModel.prototype, 'scores');
    const texts = ['aaaa', 'aaab', 'aabb', 'abbb', 'bbbb', 'bbbc', 'bbcc', 'bccc', 'cccc'];
    const rankings = writeLines(folder, 'nine.jsonl', [
      { prompt: 'a', completions: texts, ranks: texts.map((_, i) => i + 1) },
      { prompt: 'b', completions: texts.slice(0, 4), ranks: [1, 2, 2, 3] },
      { prompt: 'c', completions: texts.slice(0, 2), ranks: [2, 1] },
    ]);
    const { reports } = await run('nine', {
      rankings,
      validationFraction: 0,
      batchSize: 3,
      microBatchSize: 3,
      normalization: 'none',
    });
    const rows = scores.mock.calls.map(([batch]) => batch.rows);
    scores.mockRestore();
    // 36 + 5 + 1 pairs in one step.
    expect(reports).toHaveLength(1);
    expect(rows).toEqual([9 + 4 + 2]);
  });

  it('makes one pass in batches of 64 at a cosine to 10 %, unless told otherwise', () => {
    const settings = rewardConfig.parse({ model: 'm', rankings: 'r' });
    expect(settings).toMatchObject({
      epochs: 1,
      batchSize: 64,
      schedule: 'cosine',
      finalLearningRateFraction: 0.1,
      warmupSteps: 0,
      margin: 'none',
      centering: 0,
    });
  });

  it('reads the score at the last token, the end-of-text where there is one', async () => {
    const { result } = await run('read', { normalization: 'none' });
    const ended = sequenceOf('a', 'ab');
    const cut = ended.slice(0, -1);
    const model = await loadScalarModel(result.checkpoint);
    const values = model.values(rightPadded([ended], tokenizer.padding)).dataSync();
    model.dispose();
    const scores = await scoreCompletions(result.checkpoint, [
      { prompt: 'a', completion: 'ab' },
      { prompt: 'a', completion: 'ab', finished: false },
    ]);
    expect(scores[0]).toBeCloseTo(values[ended.length - 1] ?? 0, 5);
    expect(scores[1]).toBeCloseTo(values[cut.length - 1] ?? 0, 5);
    expect(Math.abs((scores[0] ?? 0) - (scores[1] ?? 0))).toBeGreaterThan(1e-3);
  });

  it('with margins has the loss −log σ(Δ − m): m by strength 0, 1/3, 2/3, 1, or as a pair names it', async () => {
    const pair = { prompt: 'a', completions: ['b', 'cd'], ranks: [1, 2] };
    const still = { validationFraction: 0, learningRate: 1e-30, normalization: 'none' as const };
    const lossOf = async (name: string, line: object, margin: 'none' | 'strength'): Promise<number> => {
      const rankings = writeLines(folder, `${name}.jsonl`, [line]);
      const { result } = await run(`margin ${name} ${margin}`, { ...still, rankings, margin });
      return result.metrics.loss ?? Number.NaN;
    };
    const difference = -Math.log(Math.expm1(await lossOf('plain', pair, 'strength')));
    const expected = (m: number): number => Math.log1p(Math.exp(m - difference));
    for (const [strength, margin] of [
      [1, 0],
      [2, 1 / 3],
      [3, 2 / 3],
      [4, 1],
    ] as const) {
      const line = { ...pair, strength: [strength] };
      expect(await lossOf(`strength ${strength}`, line, 'strength')).toBeCloseTo(expected(margin), 5);
    }
    expect(await lossOf('strength 4', { ...pair, strength: [4] }, 'none')).toBeCloseTo(expected(0), 5);
    const named = { prompt: 'a', chosen: 'b', rejected: 'cd', margin: 0.25 };
    expect(await lossOf('named', named, 'strength')).toBeCloseTo(expected(0.25), 5);
  });

  it('normalises to mean 0 and std 1 on samples of the SFT model when asked to', async () => {
    const { result } = await run('samples', {
      normalization: 'samples',
      normalizationSamples: 40,
      normalizationTokens: 5,
    });
    // The same samples again, drawn by hand over the distinct prompts of the training rankings in turn.
    const policy = await loadLanguageModel(config.model);
    const distinct = [...new Set(completions.map(({ prompt }) => prompt))];
    const prompts = Array.from({ length: 40 }, (_, i) =>
      tokenizer.encode(renderPrompt(distinct[i % distinct.length] ?? '')),
    );
    const samples = await generate(policy, prompts, {
      maxNewTokens: 5,
      temperature: 1,
      seed: seedFor(3, 'normalization'),
      stopTokens: [tokenizer.endOfText],
    });
    policy.dispose();
    const raw = await rawScores(
      result.checkpoint,
      samples.map(({ tokens }, i) => [...(prompts[i] ?? []), ...tokens]),
    );
    const { rewardGain = 0, rewardBias = 0 } = readMetadata(result.checkpoint) ?? {};
    const { mean, variance } = moments(raw.map((score) => rewardGain * score + rewardBias));
    expect(Math.abs(mean)).toBeLessThan(1e-4);
    expect(Math.abs(variance - 1)).toBeLessThan(1e-3);
    expect(rewardGain).toBeGreaterThan(0);
  });

  it('reports accuracy by labeler, held-out labelers and strength, calibration, and how often labelers agree', async () => {
    const random = new Random(8);
    const lines = Array.from({ length: 48 }, (_, i) => {
      const ranking = ranked(random, 'abcdefgh'[i % 8] ?? 'a', 4);
      const steps = new Set(ranking.ranks).size - 1;
      const own = { ...ranking, split: i < 36 ? 'train' : 'validation', group_id: `${i}` };
      // Two people rank the same texts; the second turns every fourth ranking round.
      const turned = ranking.ranks.map((rank) => 10 - rank);
      return [
        { ...own, labeler: i % 2 === 0 ? 'ann' : 'bob', strength: Array.from({ length: steps }, () => 3) },
        { ...own, labeler: 'cem', ranks: i % 4 === 0 ? turned : ranking.ranks },
      ];
    }).flat();
    // Which labelers a fraction holds out is fixed by their names.
    const share = (labeler: string): number => seedFor(0, `labeler ${labeler}`) / 2 ** 32;
    const [first = ''] = ['ann', 'bob', 'cem'].sort((a, b) => share(a) - share(b));
    const { result, messages } = await run('report', {
      rankings: writeLines(folder, 'labelers.jsonl', lines),
      heldOutLabelerFraction: share(first) + 1e-6,
      epochs: 6,
    });
    const { metrics } = result;
    const report = rewardReportSchema.parse(
      JSON.parse(readFileSync(join(folder, 'report', 'reward-report.json'), 'utf8')),
    );
    expect(messages.join('\n')).toMatch(/\d+ rankings by held-out labelers are not learned from/);
    expect(report.byLabeler.filter(({ heldOut }) => heldOut).map(({ labeler }) => labeler)).toEqual([first]);
    expect(report.byLabeler).toHaveLength(3);
    expect(report.heldOut?.accuracy.mean).toBe(metrics.validationAccuracy);
    expect(report.heldOutLabelers?.accuracy.mean).toBe(metrics.heldOutLabelerAccuracy);
    expect(report.labelerAgreement?.rate.mean).toBe(metrics.labelerAgreement);
    // Of 12 groups in 48, cem says the opposite of the other; the rest is alike.
    expect(metrics.labelerAgreement).toBeGreaterThan(0.65);
    expect(metrics.labelerAgreement).toBeLessThan(0.85);
    expect(metrics.labelerAgreementLow).toBeLessThan(metrics.labelerAgreement ?? 0);
    expect(new Set(report.byStrength.map(({ strength }) => strength))).toEqual(
      first === 'cem' ? new Set([3]) : new Set([null, 3]),
    );
    const bins = report.calibration?.bins ?? [];
    expect(bins.reduce((sum, { pairs }) => sum + pairs, 0)).toBe(report.heldOut?.pairs);
    expect(metrics.brier).toBeLessThan(0.25);
    expect(metrics.calibrationError).toBe(report.calibration?.expectedCalibrationError);
  });

  describe('bad input is named by file and line, and nothing is written', () => {
    const good = { prompt: 'a', completions: ['b', 'c'], ranks: [1, 2] };
    const long = 'a'.repeat(60);
    it.each<[string, unknown[], RegExp]>([
      ['an empty file', [], /empty file\.jsonl has no ranking to train on: 0 lines/],
      [
        'one completion',
        [good, { ...good, completions: ['b'], ranks: [1] }],
        /one completion\.jsonl:2: completions: expected at least 2/,
      ],
      [
        'no completions',
        [{ ...good, completions: [], ranks: [] }],
        /no completions\.jsonl:1: completions: expected at least 2/,
      ],
      ['no ranks', [good, { prompt: 'a', completions: ['b', 'c'] }], /no ranks\.jsonl:2: ranks: /],
      [
        'ranks that are text',
        [{ ...good, ranks: ['1', '2'] }],
        /ranks that are text\.jsonl:1: ranks\[0\]: expected ranks that are whole numbers/,
      ],
      [
        'too few ranks',
        [{ ...good, ranks: [1] }],
        /too few ranks\.jsonl:1: ranks: 1 ranks for 2 completions/,
      ],
      [
        'too many strengths',
        [{ ...good, strength: [1, 2] }],
        /too many strengths\.jsonl:1: strength: 2 strengths for 1 steps/,
      ],
      ['all tied', [{ ...good, ranks: [1, 1] }], /1 without a pair that is not tied/],
      [
        'only long completions',
        [{ ...good, completions: ['b', long] }],
        /1 completions that alone fill the context of 48 tokens \(the first: .*only long completions\.jsonl:1, completions\[1\]\)/,
      ],
      [
        'a pair of one text',
        [{ prompt: 'a', chosen: 'b', rejected: 'b' }],
        /a pair of one text\.jsonl:1: rejected: the same text as chosen/,
      ],
    ])('%s', async (name, lines, message) => {
      const rankings = writeLines(folder, `${name}.jsonl`, lines);
      await expect(run(name, { rankings, validationFraction: 0 })).rejects.toThrow(message);
      expect(existsSync(join(folder, name))).toBe(false);
    });

    it('prompts longer than the context lose their beginning, and are counted', async () => {
      const rankings = writeLines(folder, 'long prompts.jsonl', [
        good,
        { ...good, prompt: long },
        { ...good, completions: ['b', 'c', long], ranks: [1, 2, 3] },
      ]);
      const { messages } = await run('long prompts', { rankings, validationFraction: 0 });
      expect(messages).toContain('2 prompts were longer than the context and lost their beginning.');
      expect(messages).toContainEqual(
        expect.stringMatching(/^1 completions were left out: .*long prompts\.jsonl:3, completions\[2\]\)\.$/),
      );
    });
  });
});
