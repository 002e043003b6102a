import { describe, expect, it } from 'vitest';
import { compare } from './compare.ts';
import { type RecordLine, readRun } from './record.ts';

type Results = Record<string, 'passed' | 'failed' | 'pending'>;

function text(results: Results, ...last: RecordLine[]): string {
  const lines = Object.entries(results).flatMap(([spec, status]): RecordLine[] => [
    { event: 'start', spec },
    { event: 'done', spec, status, message: status === 'failed' ? `${spec} was wrong` : '', held: 0 },
  ]);
  return [...lines, ...last].map((line) => `${JSON.stringify(line)}\n`).join('');
}

const run = (label: string, results: Results, ...last: RecordLine[]) =>
  readRun(text(results, ...last, { event: 'end' }), label, 'exit code 0', 1);
const results: Results = { add: 'passed', sub: 'passed', canvas: 'failed', debug: 'pending' };

describe('readRun', () => {
  it('numbers the specs that share a name', () => {
    const line = text({ add: 'passed' });
    const { specs } = readRun(`${line}${text({ add: 'failed' })}{"event":"end"}\n`, 'cpu', 'exit code 0', 1);
    expect([...specs].map(([name, { status }]) => `${name} ${status}`)).toEqual([
      'add passed',
      'add (2) failed',
    ]);
  });

  it('names the spec in which a process died, and leaves out a line that it did not finish', () => {
    const died = text({ add: 'passed' }, { event: 'start', spec: 'sub' });
    expect(readRun(`${died}{"event":"do`, 'native', 'signal SIGSEGV', 1)).toMatchObject({
      broken: 'signal SIGSEGV in "sub"',
      specs: new Map([['add', { status: 'passed', message: '', held: 0 }]]),
    });
  });

  it('takes a run that stopped early for broken, though its process ended well', () => {
    expect(readRun(text({ add: 'passed' }), 'native', 'exit code 0', 1).broken).toBe(
      'exit code 0 between two specs',
    );
  });
});

describe('compare', () => {
  it('passes what passes everywhere, and does not count what fails or is switched off on the CPU backend', () => {
    expect(
      compare(run('cpu', results), [run('a', results), run('b', { ...results, canvas: 'passed' })]),
    ).toEqual({
      passed: ['add', 'sub'],
      failed: [],
      failOnCpu: ['canvas'],
      switchedOff: ['debug'],
      onlyOnCpu: [],
    });
  });

  it('fails a spec once, with the runs in which it failed', () => {
    const wrong = run('b', { ...results, sub: 'failed' });
    const verdict = compare(run('cpu', results), [run('a', results), wrong, { ...wrong, label: 'c' }]);
    expect(verdict.passed).toEqual(['add']);
    expect(verdict.failed).toEqual([{ spec: 'sub', reason: 'sub was wrong', runs: ['b', 'c'] }]);
  });

  it('fails a spec that did not run, was skipped, or ran on native alone', () => {
    const verdict = compare(run('cpu', results), [
      run('a', { sub: 'pending', canvas: 'failed', debug: 'pending', extra: 'passed' }),
    ]);
    expect(verdict.passed).toEqual([]);
    expect(verdict.failed.map(({ spec, reason }) => `${spec}: ${reason}`)).toEqual([
      'extra: it ran on native and not on the CPU backend',
      'add: it did not run',
      'sub: it is pending where the CPU backend has passed',
    ]);
  });

  it('fails a spec that leaves data behind which the CPU backend frees', () => {
    const leaky = run('a', results);
    leaky.specs.set('sub', { status: 'passed', message: '', held: 3 });
    const { passed, failed } = compare(run('cpu', results), [leaky]);
    expect(passed).toEqual(['add']);
    expect(failed[0]?.reason).toBe("3 tensors' data are held after it, on the CPU backend 0");
  });

  it('fails a run that broke off, and one in which a suite failed to clean up', () => {
    const died = readRun(text({ add: 'passed' }, { event: 'start', spec: 'sub' }), 'a', 'signal SIGSEGV', 1);
    const problem = run('b', results, { event: 'problem', where: 'matmul', message: 'afterAll threw' });
    const verdict = compare(run('cpu', results), [died, problem]);
    expect(verdict.passed).toEqual(['add']);
    expect(verdict.failed).toEqual([
      {
        spec: 'the whole run',
        reason: 'the process ended by signal SIGSEGV in "sub", after 1 specs',
        runs: ['a'],
      },
      { spec: 'matmul', reason: 'afterAll threw', runs: ['b'] },
    ]);
    expect(compare(died, []).failed).toHaveLength(1);
  });

  it('does not expect on native what tfjs keeps to its CPU backend', () => {
    const cpu = run('cpu', { ...results, 'Switching cpu backends moves data': 'passed' });
    const verdict = compare(cpu, [run('a', results)]);
    expect(verdict.failed).toEqual([]);
    expect(verdict.onlyOnCpu).toEqual(['Switching cpu backends moves data']);
  });
});
