/**
 * `npm test`: the checks, then every test that this machine can run.
 *
 * Ends with one plain line, `N passed, N failed, N skipped`. What cannot run here (no browser, no real data) is
 * counted as skipped and named. The exit code is 0 only when nothing failed.
 *
 * Arguments go to vitest; with any, the conformance specs (tests/conformance) are left out. Each of those counts as one
 * test, however many variants of the kernels it ran on.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { runChecks } from './checks.ts';
import { describeConformance, failedCount, failureNames } from './conformance/report.ts';
import { runConformance, whyNotNative } from './conformance/run.ts';

const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

const root = process.cwd();
const counts = { passed: 0, failed: 0 };
const skipped: string[] = [];
const failures: string[] = [];

for (const check of runChecks()) {
  if (check.ok) counts.passed += 1;
  else {
    counts.failed += 1;
    failures.push(`check: ${check.name}`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'touchstone-test-'));
const file = join(folder, 'report.json');
const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
try {
  const report = Report.parse(JSON.parse(readFileSync(file, 'utf8')));
  for (const suite of report.testResults) {
    const where = relative(root, suite.name);
    // A file that could not even be loaded has no tests in it, and is a failure all the same.
    if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) {
      counts.failed += 1;
      failures.push(`${where}: ${suite.message.split('\n')[0]}`);
    }
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') {
        counts.failed += 1;
        failures.push(`${where}: ${test.fullName}`);
      } else skipped.push(`${where}: ${test.fullName}`);
    }
  }
} catch (error) {
  counts.failed += 1;
  failures.push(`vitest wrote no report (exit code ${run.status}): ${String(error)}`);
}
rmSync(folder, { recursive: true, force: true });

if (run.status !== 0 && counts.failed === 0) {
  counts.failed += 1;
  failures.push(`vitest ended with exit code ${run.status}, though no test failed`);
}

if (process.argv.length === 2) {
  const reason = whyNotNative();
  if (reason !== null) skipped.push(`tests/conformance: ${reason}`);
  else {
    try {
      const result = await runConformance(root, { threads: 2, filter: '' });
      console.log(`\n${describeConformance(result).join('\n')}`);
      counts.passed += result.verdict.passed.length;
      counts.failed += failedCount(result.verdict);
      failures.push(...failureNames(result.verdict).map((name) => `tests/conformance: ${name}`));
    } catch (error) {
      counts.failed += 1;
      failures.push(`tests/conformance: ${String(error)}`);
    }
  }
}

if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((name) => `  ${name}`).join('\n')}`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.map((name) => `  ${name}`).join('\n')}`);
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${skipped.length} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
