/** The static checks of `npm run check`: types, format and lint, import rules, dead code. */
import { spawnSync } from 'node:child_process';
import { findImportViolations } from './import-rules.ts';

interface CheckResult {
  name: string;
  ok: boolean;
}

function command(name: string, program: string, args: string[]): CheckResult {
  const run = spawnSync(process.execPath, [`node_modules/${program}`, ...args], { stdio: 'inherit' });
  return { name, ok: run.status === 0 };
}

/** Runs every check, printing what each finds, and returns one result per check. */
export function runChecks(): CheckResult[] {
  const violations = findImportViolations(process.cwd());
  for (const violation of violations) console.error(violation);
  const results = [
    command('types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']),
    command('format and lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']),
    { name: 'import rules', ok: violations.length === 0 },
    command('dead code', 'knip/bin/knip.js', []),
  ];
  for (const { name, ok } of results) console.log(`${ok ? '✓' : '✗'} ${name}`);
  return results;
}
