/**
 * `npm run bench -- [suite] [--json] [--full] [--threads N]`: measures, beside a peer or the machine's own limit.
 *
 * Suites are the folders beside this file that hold a `suite.ts`; without one named, all run. With `--json` the last
 * line of standard output is the array of rows, and everything else goes to standard error.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf, TrainerError } from '@touchstone/trainer/errors.ts';
import { plainRow } from './row.ts';
import type { Suite } from './suite.ts';
import { renderTable } from './table.ts';

function suiteNames(): string[] {
  return readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && existsSync(new URL(`./${entry.name}/suite.ts`, import.meta.url)),
    )
    .map((entry) => entry.name)
    .sort();
}

function readFlags() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      threads: { type: 'string' },
    },
  });
  const all = suiteNames();
  const unknown = positionals.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new TrainerError(`There is no suite "${unknown}": expected ${all.join(', ')}, or none for all.`);
  }
  const threads = Number(values.threads ?? availableParallelism());
  if (!(Number.isInteger(threads) && threads > 0)) {
    throw new TrainerError(`--threads is "${values.threads}": expected a positive whole number.`);
  }
  // `labeling` measures its pages too.
  const unnamed = all.filter((name) => name !== 'pages');
  return { ...values, threads, suites: positionals.length > 0 ? positionals : unnamed };
}

async function main(): Promise<void> {
  const { json, full, threads, suites } = readFlags();
  const say = (line: string): void => console[json ? 'error' : 'log'](line);
  const load = loadavg()[0] ?? 0;
  say(
    `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${threads} threads, load ${load.toFixed(1)} at the start, Node ${process.versions.node}.`,
  );
  if (load > 0.5) say('The machine is not idle: only ratios mean something.');
  const rows = [];
  for (const name of suites) {
    const { suite }: { suite: Suite } = await import(`./${name}/suite.ts`);
    const measured = await suite.run({ threads, full, say });
    say(`\n${renderTable(measured)}\n`);
    rows.push(...measured.map(plainRow));
  }
  if (json) console.log(JSON.stringify(rows));
}

try {
  await main();
} catch (error) {
  // Node's own message on a flag goes on with advice after its first sentence.
  console.error(messageOf(error).split('. To ')[0]);
  process.exit(1);
}
