import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../stages/testing/tiny.ts';
import { keptCheckpoints, readRunInFolder } from './run-folder.ts';

const { folder, remove } = temporaryFolder();
afterAll(remove);

describe('the run in a folder', () => {
  it('is known from its first report on, then by what it saved, then by its result', () => {
    const run = join(folder, 'run');
    const identity = { stage: 'ppo', config: { beta: 0.1 }, inputs: {} };
    expect(readRunInFolder(run)).toBeNull();
    mkdirSync(run);
    const write = (name: string, value: unknown) => writeFileSync(join(run, name), JSON.stringify(value));
    write('run.json', identity);
    const known = { stage: 'ppo', config: { beta: 0.1 } };
    expect(readRunInFolder(run)).toMatchObject({ ...known, status: 'begun', step: 0 });
    write('state.json', { identity: JSON.stringify(identity), step: 7 });
    expect(readRunInFolder(run)).toEqual({ ...known, status: 'saved', step: 7 });
    write('result.json', { identity: JSON.stringify(identity), steps: 9 });
    expect(readRunInFolder(run)).toEqual({ ...known, status: 'finished', step: 9 });
    writeFileSync(join(run, 'result.json'), '{');
    expect(() => readRunInFolder(run)).toThrow(/result\.json is not what a run writes/);
  });

  it('keeps checkpoints, which are given by step and not by name', () => {
    for (const step of [10, 9, 100])
      mkdirSync(join(folder, 'kept', 'checkpoints', `step-${step}`), { recursive: true });
    expect(keptCheckpoints(join(folder, 'kept')).map(({ name }) => name)).toEqual([
      'kept step 9',
      'kept step 10',
      'kept step 100',
    ]);
    expect(() => keptCheckpoints(folder)).toThrow('--keep-checkpoint-every');
  });
});
