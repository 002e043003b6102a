/** A conformance run in words and as data. */
import type { Conformance } from './run.ts';

/** Failures named in full; a device that is wrong altogether fails in thousands. */
const MOST_NAMED = 50;

function list(title: string, names: string[]): string[] {
  if (names.length === 0) return [];
  const rest = names.length - MOST_NAMED;
  return [
    `${title}:`,
    ...names.slice(0, MOST_NAMED).map((name) => `  ${name}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}

/** The report's lines, without the closing count. */
export function describeConformance({ cpu, natives, verdict }: Conformance): string[] {
  const lines = [cpu, ...natives].map(({ label, specs, seconds }) => {
    const passed = [...specs.values()].filter(({ status }) => status === 'passed').length;
    const failed = [...specs.values()].filter(({ status }) => status === 'failed').length;
    return `${label.padEnd(16)} ${passed} passed, ${failed} failed, ${seconds.toFixed(0)} s`;
  });
  return [
    "tfjs-core's own specs on the native device, judged by tfjs's CPU backend",
    ...lines,
    ...list('Switched off by tfjs itself', verdict.switchedOff),
    ...list("For tfjs's CPU backend alone", verdict.onlyOnCpu),
    ...list("Fail on tfjs's CPU backend, so are not counted", verdict.failOnCpu),
    ...list('Failed on native', failureNames(verdict)),
  ];
}

/** Each failure as one line: spec, reason, runs. */
export function failureNames(verdict: Conformance['verdict']): string[] {
  return verdict.failed.map(({ spec, reason, runs }) => `${spec}: ${reason} (${runs.join(', ')})`);
}

/** How many specs failed: one that fails on several runs counts once. */
export function failedCount(verdict: Conformance['verdict']): number {
  return new Set(verdict.failed.map(({ spec }) => spec)).size;
}

/** The result as JSON data: the verdict, and of each run its counts and its time. */
export function conformanceData({ cpu, natives, verdict }: Conformance): unknown {
  const runs = [cpu, ...natives].map(({ label, specs, problems, broken, seconds }) => ({
    label,
    specs: specs.size,
    problems,
    broken,
    seconds: Math.round(seconds * 10) / 10,
  }));
  return { runs, ...verdict };
}
