import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { stepsInLog, temporaryFolder, writeLines } from '../stages/testing/tiny.ts';

const executable = fileURLToPath(new URL('../bin/touchstone.mjs', import.meta.url));
const { folder, remove } = temporaryFolder();
afterAll(remove);

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command from a folder that is not the repository; `signalAt` sends SIGINT when the text appears. */
function touchstone(args: string[], signalAt?: string): Promise<Outcome> {
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
      if (signalAt !== undefined && !signalled && stdout.includes(signalAt)) signalled = child.kill('SIGINT');
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

describe('touchstone', () => {
  it('pretrains, is interrupted by SIGINT with code 130, goes on by itself, and samples', async () => {
    const args = ['pretrain', '--source', documents, '--out', 'run', '--steps', '40000', ...tiny];
    const first = await touchstone(args, 'pretrain 1/40000');
    expect(first.stderr).toBe('');
    expect(first.code).toBe(130);
    expect(first.stdout).toContain('the state is saved');
    const done = stepsInLog(join(folder, 'run')).length;
    expect(done).toBeLessThan(40_000);

    const second = await touchstone(args, `Resumed from step ${done} of 40000`);
    expect(second.code).toBe(130);
    const steps = stepsInLog(join(folder, 'run'));
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1));
    expect(steps.length).toBeGreaterThan(done);

    const changed = await touchstone([...args, '--learning-rate', '0.5']);
    expect(changed.code).toBe(1);
    expect(changed.stderr).toContain('"learningRate" was 0.001 and is now 0.5');

    const sampled = await touchstone([
      'sample',
      '--model',
      `run/checkpoints/step-${steps.length}`,
      '--prompt',
      'the cat',
      '--raw',
      '--samples',
      '2',
      '--max-new-tokens',
      '4',
      '--out',
      'samples.jsonl',
    ]);
    expect(sampled.stderr).toBe('');
    expect(JSON.parse(readFileSync(join(folder, 'samples.jsonl'), 'utf8')).completions).toHaveLength(2);
  });

  it('takes a config file, flags before it, and names what is wrong in one sentence without a stack', async () => {
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ sources: [{ path: documents }], learningrate: 1 }),
    );
    const unknown = await touchstone(['pretrain', '--config', 'config.json', '--out', 'none']);
    expect(unknown).toEqual({
      code: 1,
      stdout: '',
      stderr: 'touchstone: config.json: unknown key "learningrate" (did you mean "learningRate"?).\n',
    });
    expect(existsSync(join(folder, 'none'))).toBe(false);

    writeFileSync(join(folder, 'config.json'), '{"sources": [');
    expect((await touchstone(['pretrain', '--config', 'config.json', '--out', 'none'])).stderr).toMatch(
      /^touchstone: config\.json is not JSON .*\n$/,
    );
    const flag = await touchstone(['pretrain', '--out', 'none', '--learning-rat', '1']);
    expect(flag.code).toBe(1);
    expect(flag.stderr).toContain('Did you mean --learning-rate?');

    const noWeights = await touchstone([
      'sft',
      '--model',
      'nowhere',
      '--demonstrations',
      documents,
      '--out',
      'none',
    ]);
    expect(noWeights.code).toBe(1);
    expect(noWeights.stderr).toMatch(/^touchstone: .*nowhere.*\n$/);
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
    expect(JSON.parse(agreement.stdout)).toMatchObject({ agreed: 2, pairs: 3 });
  });

  it('lists the devices', async () => {
    const { stdout } = await touchstone(['devices', '--json']);
    const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['webgpu', 'native', 'tensorflow', 'wasm', 'cpu']);
    // A process a device, one after the other: seconds where the machine is idle.
  }, 180_000);
});
