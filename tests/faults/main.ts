/**
 * `npm run faults -- [--labelers 500] [--tasks 4000] [--seconds 90] [--seed 1]`: hundreds of labelers at once while servers
 * and database are killed. Exits 1 when anything that was acknowledged is not so afterwards.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { runFaults } from './labeling.ts';

const whole = (least: number) => z.coerce.number().int().min(least);
const flags = z.strictObject({
  labelers: whole(1).default(500),
  tasks: whole(1).default(4000),
  seconds: whole(5).default(90),
  seed: whole(0).default(() => Math.floor(Math.random() * 1e6)),
});

const { values } = parseArgs({
  options: {
    labelers: { type: 'string' },
    tasks: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
  },
});
const parsed = flags.safeParse(values);
if (!parsed.success) {
  const [issue] = parsed.error.issues;
  console.error(`--${issue?.path.join('.')}: ${issue?.message}.`);
  process.exit(1);
}
const report = await runFaults({ ...parsed.data, killEvery: [5, 12], say: (line) => console.log(line) });
const { counts, kills } = report;
console.log(
  `\n${report.labels} labels acknowledged (${counts.late} late, ${counts.repeated} sent again), ${counts.drafts} drafts, ` +
    `${counts.skips} skips (${counts.undone} undone), ${counts.refused} refused.`,
);
console.log(
  `Killed: the database ${kills.database} times, web servers ${kills.web} times. ${counts.connectionsLost} connections lost, ` +
    `${counts.unavailable} answers “not now”. The last answer came ${report.settled.toFixed(1)} s after the last kill. Load ${loadavg()[0]?.toFixed(1)}.\n`,
);
for (const { name, violations, examples } of report.findings) {
  console.log(`${violations === 0 ? '✓' : '✗'} ${name}${violations === 0 ? '' : `: ${violations} times`}`);
  for (const example of examples) console.log(`    ${example}`);
}
process.exit(report.findings.every(({ violations }) => violations === 0) ? 0 : 1);
