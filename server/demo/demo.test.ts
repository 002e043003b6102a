import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createWorld } from '@touchstone/trainer/world/index.ts';
import { afterAll, expect, test } from 'vitest';
import { freePort } from '@/tests/support/free-port.ts';
import type { RoundReport } from '../rounds/report.ts';
import { checkRoundConfig, roundTargets } from '../rounds/settings.ts';
import { startChild } from '../stack/child.ts';
import { authSecret, requireFreePort } from '../stack/settings.ts';
import { startStack } from '../stack/stack.ts';
import { parseDemoOptions } from './options.ts';
import { roundPlan } from './plan.ts';
import { createProgress } from './progress.ts';
import { buildResult, resultTable, writeResult } from './result.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchstone-demo-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (mean: number) => ({ mean, low: mean - 0.25, high: mean + 0.25 });
const report: RoundReport = {
  models: { base: null, sft: null, ppo: null, reward: null },
  preferences: [
    { model: 'sft', over: 'base', votes: 200, ...at(0.8) },
    { model: 'ppo', over: 'sft', votes: 200, ...at(0.7) },
    { model: 'ppo', over: 'base', votes: 200, ...at(0.9) },
  ],
  rewardScore: { base: at(-1), sft: at(0), ppo: at(1) },
  rewardModel: { accuracy: at(0.75), labelerAgreement: { ...at(0.75), pairs: 500 } },
  kl: 4.2,
  entropy: { base: 1.5, sft: 1, ppo: 0.5 },
  distinctBigrams: { base: 0.4, sft: 0.3, ppo: 0.2 },
  finished: { base: 0.2, sft: 0.9, ppo: 1 },
  length: { base: 32, sft: 12, ppo: 9 },
  seconds: { pretrain: 60, sft: 10, ppo: 40 },
  labels: { demonstrations: 500, rankings: 700, votes: 200, labelers: 10 },
  resumed: 1,
  overOptimised: false,
  samples: [],
};
const gold = {
  score: { base: at(0.3), sft: at(0.5), ppo: at(0.7) },
  winRate: { sftOverBase: at(0.75), ppoOverSft: at(0.5), ppoOverBase: at(0.9) },
};

test('the result holds the figures that were promised, and is written whole', () => {
  const result = buildResult({ seed: 4, seconds: 200, report, gold });
  const file = join(folder, 'result.json');
  writeResult(file, result);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    seed: 4,
    seconds: 200,
    stages: { pretrain: 60, sft: 10, ppo: 40 },
    gold: { base: { mean: 0.3 }, sft: { mean: 0.5 }, ppo: { mean: 0.7 } },
    winRate: { sftOverBase: { mean: 0.8 }, ppoOverSft: { mean: 0.7 } },
    rewardModel: { accuracy: 0.75, low: 0.5, high: 1, labelerAgreement: 0.75 },
    kl: 4.2,
    entropy: { base: 1.5, sft: 1, ppo: 0.5 },
    labels: { demonstrations: 500, rankings: 700 },
    resumed: 1,
  });
  const table = resultTable(result);
  expect(table).toMatch(/gold score\s+0\.300\s+0\.500\s+0\.700/);
  expect(table).toContain('50.0 %  (25.0 % to 75.0 %)');
  expect(() => buildResult({ seed: 4, seconds: 1, report: { ...report, preferences: [] }, gold })).toThrow(
    'no votes on sft against base',
  );
});

test('flags: --once and --seed, anything else is one sentence', () => {
  expect(parseDemoOptions([])).toEqual({ once: false, seed: 1 });
  expect(parseDemoOptions(['--once', '--seed', '7'])).toEqual({ once: true, seed: 7 });
  expect(() => parseDemoOptions(['--seed', 'x'])).toThrow('--seed is "x": expected a whole number');
  expect(() => parseDemoOptions(['--sed', '1'])).toThrow(/Unknown option '--sed'.*expected npm run demo/);
});

test('the recipe makes a round that the product accepts, for any seed', () => {
  for (const seed of [0, 1, 77]) {
    const world = createWorld(seed);
    const plan = roundPlan(world);
    const config = checkRoundConfig(plan.config);
    const { demonstrations, rankings, votes } = roundTargets.parse(plan.targets);
    expect(demonstrations).toBeLessThanOrEqual(world.promptsOf('train').length);
    const { trainPrompts, validationPrompts, doublePrompts } = config.sampling;
    expect(rankings).toBe(trainPrompts + validationPrompts + doublePrompts);
    expect(trainPrompts).toBeLessThanOrEqual(world.promptsOf('train').length);
    expect(validationPrompts).toBeLessThanOrEqual(world.promptsOf('validation').length);
    expect(config.evaluation.prompts).toBeLessThanOrEqual(world.promptsOf('evaluation').length);
    expect(votes).toBe(config.evaluation.votePrompts);
  }
});

test('a port in use is one sentence that names it and PORT', async () => {
  const other = createServer();
  const port = await new Promise<number>((resolve) =>
    other.listen(0, () => {
      const address = other.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    }),
  );
  await expect(requireFreePort(port)).rejects.toThrow(
    `Port ${port} is in use by another program: stop that one, or set PORT to another port.`,
  );
  await new Promise((resolve) => other.close(resolve));
  await requireFreePort(port);
});

test('a database that does not answer is named without its password, with what the network said', async () => {
  const port = await freePort();
  const start = startStack({
    home: join(folder, 'no-database'),
    port: await freePort(),
    databaseUrl: `postgres://me:secret@127.0.0.1:${port}/touchstone`,
    onLine: () => {},
    onNews: () => {},
  });
  await expect(start).rejects.toThrow(
    `The database 127.0.0.1:${port} cannot be used: connect ECONNREFUSED 127.0.0.1:${port}.`,
  );
});

test('the secret is made once and kept', () => {
  const secret = authSecret(folder, undefined);
  expect(secret.length).toBeGreaterThan(30);
  expect(authSecret(folder, undefined)).toBe(secret);
  expect(authSecret(folder, 'given by the operator')).toBe('given by the operator');
});

test('a child of ours ends when its parent is killed', async () => {
  const parentScript = `
    import { startChild } from '@/server/stack/child.ts';
    const child = startChild({ args: ['-e', 'setInterval(() => {}, 1000)'], env: process.env, onLine() {} });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  let told: (pid: number) => void = () => {};
  const pid = new Promise<number>((resolve) => {
    told = resolve;
  });
  const parent = startChild({
    args: ['--import', 'tsx', '--input-type=module', '-e', parentScript],
    env: { ...process.env, NODE_OPTIONS: '' },
    onLine: (line) => told(Number(line)),
  });
  const child = await pid;
  expect(() => process.kill(child, 0)).not.toThrow();
  parent.process.kill('SIGKILL');
  await parent.exited;
  await expect.poll(() => runs(child), { timeout: 10_000 }).toBe(false);
});

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie, in a container whose first process reaps nobody, is no running process.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('without a terminal, progress is plain lines: not one for every look, and an end for each stage', () => {
  const stream = new PassThrough();
  const display = createProgress(Object.assign(stream, { isTTY: false }) as unknown as NodeJS.WriteStream);
  const update = (done: number) =>
    display.update({ name: 'PPO', done, total: 40, unit: 'steps', tokensPerSecond: 1234.4 });
  update(1);
  update(2);
  update(3);
  display.finish('PPO', 12.34);
  expect(String(stream.read())).toBe('PPO: 1 of 40 steps, 1,234 tokens/s\nPPO: done in 12.3 s\n');
});
