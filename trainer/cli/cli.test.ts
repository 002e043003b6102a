import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { krippendorffAlpha } from '../evaluation/agreement.ts';
import { stepsInLog, temporaryFolder, writeLines } from '../stages/testing/tiny.ts';

const executable = fileURLToPath(new URL('../bin/touchstone.mjs', import.meta.url));
const { folder, remove } = temporaryFolder();
afterAll(remove);

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command from a folder that is not the repository; sends the signal when the text `signalAt` appears. */
function touchstone(args: string[], signalAt?: string, signal: NodeJS.Signals = 'SIGINT'): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [executable, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let signalled = false;
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (signalAt !== undefined && !signalled && stdout.includes(signalAt)) signalled = child.kill(signal);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const documents = writeLines(
  folder,
  'documents.jsonl',
  Array.from({ length: 60 }, (_, i) => ({ text: `the ${['cat', 'dog', 'owl'][i % 3]} sees ${i} stars` })),
);
const tiny = [
  '--width',
  '16',
  '--heads',
  '2',
  '--layers',
  '1',
  '--context',
  '16',
  '--batch-size',
  '4',
  '--vocabulary-size',
  '270',
];

describe('touchstone', { timeout: 180_000 }, () => {
  it('pretrains, is interrupted by SIGINT with code 130 and by SIGTERM with 143, goes on when asked to, and samples', async () => {
    const args = ['pretrain', '--source', documents, '--out', 'run', '--steps', '40000', ...tiny];
    const first = await touchstone(args, 'pretrain 1/40000');
    expect(first.stderr).toBe('');
    expect(first.code).toBe(130);
    expect(first.stdout).toContain('the state is saved');
    expect(first.stdout).toContain('Go on with: touchstone pretrain --resume run\n');
    const done = stepsInLog(join(folder, 'run')).length;
    expect(done).toBeLessThan(40_000);

    const [again, other, changed] = await Promise.all([
      touchstone(args),
      touchstone(['sft', '--resume', 'run']),
      touchstone(['pretrain', '--resume', 'run', '--learning-rate', '0.5']),
    ]);
    expect(again).toEqual({
      code: 1,
      stdout: '',
      stderr: `touchstone: run holds a pretrain run that stopped after step ${done}: add --resume to go on with it, or name another folder.\n`,
    });
    expect(other.stderr).toBe(
      'touchstone: run holds a pretrain run, not a sft run: name another folder, or go on with it by touchstone pretrain --resume run.\n',
    );
    expect(changed.code).toBe(1);
    expect(changed.stderr).toContain('"learningRate" was 0.001 and is now 0.5');
    expect(stepsInLog(join(folder, 'run'))).toHaveLength(done);

    // The settings are those that the run began with.
    const second = await touchstone(
      ['pretrain', '--resume', 'run'],
      `Resumed from step ${done} of 40000`,
      'SIGTERM',
    );
    expect(second.code).toBe(143);
    const steps = stepsInLog(join(folder, 'run'));
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1));
    expect(steps.length).toBeGreaterThan(done);

    const model = [
      'sample',
      '--model',
      `run/checkpoints/step-${steps.length}`,
      '--prompt',
      'the cat',
      '--raw',
    ];
    const short = [...model, '--max-new-tokens', '4'];
    const [sampled, streamed, plain, stopped] = await Promise.all([
      touchstone([...short, '--samples', '2', '--logprobs', '3', '--out', 'samples.jsonl']),
      touchstone([...short, '--stream']),
      touchstone(short),
      touchstone([...short, '--stream', '--samples', '2']),
    ]);
    expect(sampled.stderr).toBe('');
    const line = JSON.parse(readFileSync(join(folder, 'samples.jsonl'), 'utf8'));
    expect(line.completions).toHaveLength(2);
    for (const tokens of line.logprobs) {
      expect(tokens.length).toBeGreaterThan(0);
      for (const { logProb, alternatives } of tokens) {
        expect(logProb).toBeLessThan(0);
        const [likeliest, second, third] = alternatives.map((one: { logProb: number }) => one.logProb);
        expect(likeliest).toBeGreaterThanOrEqual(second);
        expect(second).toBeGreaterThanOrEqual(third);
        expect(likeliest).toBeGreaterThanOrEqual(logProb);
      }
    }
    expect(plain.stdout).toBe(`the cat\n  ${line.completions[0]}\n`);
    expect(streamed.stdout).toBe(`${line.completions[0]}\n`);
    expect(stopped.stderr).toMatch(/^touchstone: --stream prints one completion .* 2 are asked for.*\n$/);
  });

  it('takes a config file, flags before it, and names what is wrong in one sentence without a stack', async () => {
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ sources: [{ path: documents }], learningrate: 1 }),
    );
    writeFileSync(join(folder, 'broken.json'), '{"sources": [');
    const [unknown, broken, noWeights, flag, command, value, nothing, line] = await Promise.all([
      touchstone(['pretrain', '--config', 'config.json', '--out', 'none']),
      touchstone(['pretrain', '--config', 'broken.json', '--out', 'none']),
      touchstone(['sft', '--model', 'nowhere', '--demonstrations', documents, '--out', 'none']),
      touchstone(['pretrain', '--out', 'none', '--learning-rat', '1']),
      touchstone(['pretrian']),
      touchstone(['pretrain', '--out', 'none', '--micro-batch-size', 'many']),
      touchstone(['pretrain', '--resume', 'none']),
      touchstone(['evaluate', 'agreement', '--rankings', documents]),
    ]);
    expect(unknown).toEqual({
      code: 1,
      stdout: '',
      stderr: 'touchstone: config.json: unknown key "learningrate" (did you mean "learningRate"?).\n',
    });
    expect(broken.stderr).toMatch(/^touchstone: broken\.json is not JSON .*\n$/);
    expect(noWeights.code).toBe(1);
    expect(noWeights.stderr).toMatch(/^touchstone: .*nowhere.*\n$/);
    expect(flag).toEqual({
      code: 1,
      stdout: '',
      stderr: "touchstone: unknown option '--learning-rat' (did you mean --learning-rate?).\n",
    });
    expect(command.stderr).toBe("touchstone: unknown command 'pretrian' (did you mean pretrain?).\n");
    expect(value.stderr).toBe(
      "touchstone: option '--micro-batch-size <number>' argument 'many' is invalid. expected a number, or none.\n",
    );
    expect(nothing.stderr).toBe(
      'touchstone: none holds no run to go on with, and no settings are given to begin one.\n',
    );
    expect(line.stderr).toMatch(/^touchstone: .*documents\.jsonl:1: .*\n$/);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('prints JSON lines for programs, only the result when quiet, and a run once finished is told, not run again', async () => {
    const args = ['pretrain', '--source', documents, '--steps', '3', '--micro-batch-size', 'none', ...tiny];
    const sampled = ['--sample-prompt', 'the', '--sample-tokens', '2'];
    const [json, quiet] = await Promise.all([
      touchstone([...args, ...sampled, '--out', 'json', '--json', '--threads', '1']),
      touchstone([
        ...args,
        ...sampled,
        '--out',
        'quiet',
        '--quiet',
        '--precision',
        'float32',
        '--threads',
        '1',
      ]),
    ]);
    const lines: Record<string, unknown>[] = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(json.stderr).toBe('');
    const logged = readFileSync(join(folder, 'json', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    expect(lines.filter(({ type }) => type === 'metrics')).toEqual(
      logged.map((line) => ({ type: 'metrics', stage: 'pretrain', totalSteps: 3, ...JSON.parse(line) })),
    );
    expect(lines.filter(({ type }) => type === 'samples').map(({ step }) => step)).toEqual([0, 3]);
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      status: 'completed',
      checkpoint: join('json', 'model'),
    });
    expect(quiet.stderr).toBe('');
    expect(quiet.stdout).toMatch(/^pretrain completed: quiet\/model\nloss \d+\.\d{4}, .*\n$/);

    const weights = statSync(join(folder, 'json', 'model', 'model.safetensors')).mtimeMs;
    const again = await touchstone(['pretrain', '--resume', 'json']);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('json holds this run, finished.');
    expect(statSync(join(folder, 'json', 'model', 'model.safetensors')).mtimeMs).toBe(weights);
  });

  it('tells a newcomer the order of the pipeline, and of each command its settings in groups, defaults and an example', async () => {
    const [overview, ppo, models] = await Promise.all([
      touchstone(['help']),
      touchstone(['help', 'ppo']),
      touchstone(['evaluate', 'models', '--help']),
    ]);
    expect(overview.code).toBe(0);
    const order = ['demo-world', 'pretrain', 'sft', 'sample', 'reward', 'ppo', 'evaluate'];
    const places = order.map((name, i) => overview.stdout.indexOf(`${i + 1}. touchstone ${name}`));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    const groups = [
      'The run:',
      'Data and models:',
      'Length and batches:',
      'The algorithm:',
      'Optimizer:',
      'Device:',
    ];
    expect(groups.map((group) => ppo.stdout.indexOf(group) > 0)).toEqual(groups.map(() => true));
    expect(ppo.stdout).toMatch(/--prompts <path> .*\(required\)/);
    expect(ppo.stdout).toMatch(/--beta <number> .*IG: 0\.02\. \(default: 0\.02\)/);
    expect(ppo.stdout).toContain('touchstone ppo --resume runs/ppo');
    expect(models.stdout).toContain('--report report.html');
  });

  it('trains a tokenizer, encodes and decodes', async () => {
    expect(
      (
        await touchstone([
          'tokenizer',
          'train',
          '--source',
          documents,
          '--out',
          'tok',
          '--vocabulary-size',
          '280',
        ])
      ).code,
    ).toBe(0);
    const { stdout: ids } = await touchstone(['tokenizer', 'encode', '--tokenizer', 'tok', 'the owl 🦉']);
    const decoded = await touchstone(['tokenizer', 'decode', '--tokenizer', 'tok', ...ids.trim().split(' ')]);
    expect(decoded.stdout).toBe('the owl 🦉\n');
  });

  it('measures win rates and agreement of rankings', async () => {
    const ranking = (prompt: string, labeler: string, ranks: number[]) => ({
      prompt,
      completions: ['x', 'y', 'z'],
      ranks,
      group_id: prompt,
      labeler,
    });
    const rankings = writeLines(folder, 'rankings.jsonl', [
      ranking('p', 'a', [3, 2, 1]),
      ranking('p', 'b', [3, 1, 2]),
      ranking('q', 'a', [2, 2, 1]),
    ]);
    const even = writeLines(
      folder,
      'even.jsonl',
      ['p', 'q', 'r', 's'].map((prompt, i) => ({
        prompt,
        completions: ['x', 'y'],
        ranks: i === 0 ? [1, 2] : [2, 1],
      })),
    );
    const rates = await touchstone([
      'evaluate',
      'win-rate',
      '--rankings',
      rankings,
      '--models',
      'base,sft,ppo',
      '--json',
    ]);
    expect(JSON.parse(rates.stdout)).toMatchObject([
      { model: 'sft', over: 'base', winRate: { mean: 2.5 / 3 } },
      { model: 'ppo', over: 'base', winRate: { mean: 1 } },
      { model: 'ppo', over: 'sft', winRate: { mean: 2 / 3 } },
    ]);
    const agreement = await touchstone(['evaluate', 'agreement', '--rankings', rankings, '--json']);
    // Of p, α over the ranks (3, 3), (2, 1), (1, 2); q has one person only.
    const units = [
      [3, 3],
      [2, 1],
      [1, 2],
    ];
    expect(JSON.parse(agreement.stdout)).toMatchObject({
      agreed: 2,
      pairs: 3,
      alpha: krippendorffAlpha(units, 'ordinal'),
    });
    const elo = await touchstone(['evaluate', 'elo', '--rankings', even, '--models', 'base,sft', '--json']);
    // 3 wins of 4: log-odds ln 3.
    expect(JSON.parse(elo.stdout)).toMatchObject([
      { model: 'base', elo: { mean: 1000, low: 1000, high: 1000 } },
      { model: 'sft', elo: { mean: expect.closeTo(1000 + (400 * Math.log(3)) / Math.LN10, 6) } },
    ]);
  });

  it('lists the devices', async () => {
    const { stdout } = await touchstone(['devices', '--json']);
    const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['webgpu', 'native', 'tensorflow', 'wasm', 'cpu']);
    // A process a device, one after the other: seconds where the machine is idle.
  });
});
