/**
 * `touchstone evaluate` on three tiny models, as a person runs it: the page that it writes is opened in Chromium without a
 * network, read by axe in light and dark with every table open, and its numbers are held against the JSON.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { openDevice } from '@touchstone/trainer/engine/device.ts';
import type { Evaluation } from '@touchstone/trainer/evaluation/compare-models.ts';
import { ScalarModel } from '@touchstone/trainer/model/scalar-model.ts';
import {
  temporaryFolder,
  tinyModel,
  writeLines,
  writeTiny,
} from '@touchstone/trainer/stages/testing/tiny.ts';
import { Tokenizer } from '@touchstone/trainer/tokenizer/tokenizer.ts';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, launchChromium } from '../support/browser.ts';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const executable = fileURLToPath(import.meta.resolve('@touchstone/trainer/cli.ts')).replace(
  'cli.ts',
  'bin/touchstone.mjs',
);
const HOSTILE = `<script>document.title = "taken"</script> & "quotes" \u0007 ${'long'.repeat(60)}`;
const STAGES = ['pretrain', 'sft', 'ppo'] as const;

const { folder, remove } = temporaryFolder();
let evaluation: Evaluation;
let table: string;

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = Tokenizer.train(['the gold is in the stone'], { vocabularySize: 262 });
  for (const [index, stage] of STAGES.entries()) {
    const model = tinyModel(tokenizer, index + 1, { contextLength: 400 });
    await writeTiny(join(folder, stage), model, tokenizer, { stage, step: 4 });
    if (stage === 'sft') {
      const reward = ScalarModel.fromLanguageModel(model, 7);
      await writeTiny(join(folder, 'reward'), reward, tokenizer, {
        stage: 'reward',
        rewardGain: 3,
        rewardBias: 0.5,
      });
      reward.dispose();
    }
    model.dispose();
  }
  mkdirSync(join(folder, 'run'));
  const steps = Array.from({ length: 60 }, (_, i) => ({
    step: i + 1,
    loss: 4 / (i + 1),
    validationLoss: i % 20 ? null : 3,
  }));
  writeLines(join(folder, 'run'), 'metrics.jsonl', steps);
  writeFileSync(
    join(folder, 'run', 'result.json'),
    JSON.stringify({ identity: JSON.stringify({ stage: 'sft' }), steps: 60 }),
  );
  writeLines(folder, 'prompts.jsonl', [{ prompt: HOSTILE }, { prompt: 'abc' }, { prompt: 'What is gold?' }]);
  writeLines(
    folder,
    'rankings.jsonl',
    ['a', 'b'].flatMap((labeler) =>
      ['p', 'q', 'r'].map((prompt, i) => ({
        prompt,
        completions: ['yes', 'no', 'perhaps'],
        ranks: labeler === 'a' ? [1, 2, 3] : [1, 3, 2],
        strength: [i + 1, 1],
        group_id: prompt,
        labeler,
      })),
    ),
  );
  writeLines(folder, 'documents.jsonl', [{ text: 'the stone' }, { text: 'gold' }]);
  const args = STAGES.flatMap((stage) => ['--model', stage]);
  args.push('--reference', 'sft', '--prompts', 'prompts.jsonl', '--samples', '3', '--max-new-tokens', '12');
  args.push('--reward', 'reward', '--rankings', 'rankings.jsonl', '--documents', 'documents.jsonl');
  args.push('--run', 'run', '--out', 'out.json', '--report', 'out.html', '--quiet');
  const run = await promisify(execFile)(process.execPath, [executable, 'evaluate', ...args], { cwd: folder });
  expect(run.stderr).toBe('');
  table = run.stdout;
  evaluation = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
}, 180_000);
afterAll(remove);

describe('touchstone evaluate', () => {
  it('measures every model on the same prompts, and prints what it writes', () => {
    expect(evaluation.models.map(({ name, stage }) => [name, stage])).toEqual(STAGES.map((s) => [s, s]));
    const [base, sft] = evaluation.models;
    expect(sft?.klToReference).toEqual({ k1: 0, k3: 0 });
    expect(base?.klToReference?.k3).toBeGreaterThan(0);
    for (const model of evaluation.models) {
      expect(model.entropy).toBeGreaterThan(0.8 * Math.log(262));
      expect(model.documents?.documents).toBe(2);
      expect(table).toContain(model.entropy.toFixed(3));
      expect(table).toContain(model.documents?.bitsPerByte.toFixed(3));
    }
    expect(evaluation.judgements.map(({ judge, winRates }) => [judge, winRates.length])).toEqual([
      ['reward model', 3],
    ]);
    // Two labelers order two of three pairs alike, in each of three groups; all are ordered.
    expect(evaluation.rewardModel?.labelers).toMatchObject({ agreed: 6, pairs: 9 });
    expect(evaluation.rewardModel?.pairs).toBe(18);
    expect(evaluation.course?.bestOfN.map(({ name }) => name)).toEqual([
      'best of 1',
      'best of 2',
      'best of 3',
    ]);
  });

  describe.skipIf(!hasChromium)('its report in Chromium', () => {
    let browser: Browser;
    let page: Page;
    const requests: string[] = [];
    const errors: string[] = [];

    beforeAll(async () => {
      browser = await launchChromium();
      page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      page.on('request', (request) => requests.push(request.url()));
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(pathToFileURL(join(folder, 'out.html')).href);
      await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
    });
    afterAll(() => browser.close());

    it('asks for nothing but itself, and shows what models wrote as text', async () => {
      expect(requests).toEqual([pathToFileURL(join(folder, 'out.html')).href]);
      expect(errors).toEqual([]);
      expect(await page.title()).toBe('Evaluation of pretrain, sft, ppo');
      expect(await page.locator('script').count()).toBe(0);
      expect(await page.locator('.prompt .reading').first().textContent()).toBe(
        HOSTILE.replace('\u0007', '\ufffd'),
      );
    });

    it('says the numbers of the JSON', async () => {
      const values = async (caption: string): Promise<number[]> =>
        page
          .getByRole('region', { name: caption, exact: true })
          .locator('data')
          .evaluateAll((all) => all.map((one) => Number(one.getAttribute('value'))));
      expect(await values('Reward and distance of the models')).toEqual(
        evaluation.models.flatMap(({ reward, klToReference, entropy, length, endRate }) => [
          reward?.mean,
          reward?.low,
          reward?.high,
          klToReference?.k1,
          klToReference?.k3,
          entropy,
          length,
          endRate,
        ]),
      );
      expect(await values('Diversity and perplexity of the models')).toEqual(
        evaluation.models.flatMap(({ distinct1, distinct2, selfBleu, selfBleuWithinPrompts, documents }) => [
          distinct1,
          distinct2,
          selfBleu,
          selfBleuWithinPrompts,
          documents?.bitsPerByte,
          documents?.perplexity,
        ]),
      );
      const [judgement] = evaluation.judgements;
      expect(await values('Win rates by the reward model')).toEqual(
        judgement?.winRates.flatMap(({ winRate }) => [winRate.mean, winRate.low, winRate.high]),
      );
      expect(await values('Elo ratings by the reward model')).toEqual(
        judgement?.elo.flatMap(({ rating }) => [rating.mean, rating.low, rating.high]),
      );
      expect(await values('Calibration of the reward model')).toEqual(
        evaluation.rewardModel?.calibration.bins
          .filter(({ pairs }) => pairs > 0)
          .flatMap(({ pairs, predicted, observed }) => [pairs, predicted, observed]),
      );
    });

    it.each(['light', 'dark'] as const)(
      'has no fault that axe knows, in %s, and does not scroll sideways',
      async (colorScheme) => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width: colorScheme === 'light' ? 1280 : 800, height: 900 });
        await page.evaluate(AXE);
        const violations: { id: string; nodes: { target: unknown[] }[] }[] = await page.evaluate(
          'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((result) => result.violations)',
        );
        expect(
          violations.map(
            ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(' | ')}`,
          ),
        ).toEqual([]);
        const wider = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(wider).toBe(0);
      },
    );
  });
});
