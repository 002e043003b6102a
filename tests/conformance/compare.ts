/** Judges the native device's runs of tfjs's specs by the CPU backend's. */
import type { Run, SpecResult } from './record.ts';

/**
 * Suites that tfjs's own constraints keep to its CPU backend (its test of moving data between two of them): they are
 * not expected on another device.
 */
const onlyOnCpu = ['Switching cpu backends '];

export interface Failure {
  spec: string;
  reason: string;
  runs: string[];
}

export interface Verdict {
  /** specs that passed on every run */
  passed: string[];
  /** what failed on native and not on the CPU backend, or did not run: the reason, and the runs in which it did */
  failed: Failure[];
  /** specs that fail on tfjs's CPU backend: nobody's fault here, whatever they do on native */
  failOnCpu: string[];
  /** specs that tfjs itself has switched off */
  switchedOff: string[];
  /** specs that tfjs keeps to its CPU backend */
  onlyOnCpu: string[];
}

function judge(expected: SpecResult, got: SpecResult | undefined): string | null {
  if (!got) return 'it did not run';
  if (got.status === expected.status) {
    if (got.status !== 'passed' || got.held === expected.held) return null;
    return `${got.held} tensors' data are held after it, on the CPU backend ${expected.held}`;
  }
  return got.status === 'failed'
    ? got.message
    : `it is ${got.status} where the CPU backend has ${expected.status}`;
}

/** What stands in one run without regard to the others. */
function ownFailures(run: Run, cpu: Run): { spec: string; reason: string }[] {
  const failures = run.problems
    .filter(({ where }) => run === cpu || !cpu.problems.some((problem) => problem.where === where))
    .map(({ where, message }) => ({ spec: where, reason: message }));
  if (run.broken !== null) {
    const reason = `the process ended by ${run.broken}, after ${run.specs.size} specs`;
    failures.push({ spec: 'the whole run', reason });
  }
  if (cpu.broken === null) {
    for (const spec of run.specs.keys()) {
      if (!cpu.specs.has(spec))
        failures.push({ spec, reason: 'it ran on native and not on the CPU backend' });
    }
  }
  return failures;
}

/**
 * Compares runs of the same specs. A spec counts once, however many native runs there are, and passes if it passes
 * in each of them. A run that broke off is one failure; the specs that it did not come to count nowhere.
 */
export function compare(cpu: Run, natives: Run[]): Verdict {
  const verdict: Verdict = { passed: [], failed: [], failOnCpu: [], switchedOff: [], onlyOnCpu: [] };
  const failures = new Map<string, Failure>();
  const fail = (spec: string, reason: string, run: Run): void => {
    const known = failures.get(`${spec}\n${reason}`);
    if (known) known.runs.push(run.label);
    else failures.set(`${spec}\n${reason}`, { spec, reason, runs: [run.label] });
  };
  for (const run of [cpu, ...natives]) {
    for (const { spec, reason } of ownFailures(run, cpu)) fail(spec, reason, run);
  }
  for (const [spec, expected] of cpu.specs) {
    if (expected.status === 'failed') verdict.failOnCpu.push(spec);
    else if (onlyOnCpu.some((start) => spec.startsWith(start))) verdict.onlyOnCpu.push(spec);
    else {
      const wrong = natives.filter((run) => {
        if (run.broken !== null && !run.specs.has(spec)) return false;
        const reason = judge(expected, run.specs.get(spec));
        if (reason !== null) fail(spec, reason, run);
        return reason !== null;
      });
      if (wrong.length > 0) continue;
      if (expected.status === 'pending') verdict.switchedOff.push(spec);
      else if (natives.every((run) => run.specs.has(spec))) verdict.passed.push(spec);
    }
  }
  verdict.failed.push(...failures.values());
  return verdict;
}
