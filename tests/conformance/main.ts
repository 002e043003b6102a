/**
 * `npm run test:conformance`: tfjs-core's own specs on the native device.
 *
 *   --filter TEXT    only specs with TEXT in their name
 *   --variant NAME   avx512, avx2 or portable kernels; every variant that this processor runs if left out
 *   --threads N      threads of the native device (2)
 *   --json FILE      writes the result there too
 *
 * Ends with `N passed, N failed`; the exit code is 0 only when nothing failed and something ran.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { conformanceData, describeConformance, failedCount } from './report.ts';
import { runConformance, variants } from './run.ts';

const Flags = z.strictObject({
  filter: z.string().default(''),
  variant: z.enum(variants).optional(),
  threads: z.coerce.number().int().min(1).default(2),
  json: z.string().optional(),
});
const options = { type: 'string' } as const;

try {
  const { values } = parseArgs({
    options: { filter: options, variant: options, threads: options, json: options },
  });
  const flags = Flags.parse({ ...values });
  const result = await runConformance(process.cwd(), flags);
  for (const line of describeConformance(result)) console.log(line);
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify(conformanceData(result), null, 2)}\n`);
  }
  const { passed } = result.verdict;
  const failed = failedCount(result.verdict);
  if (passed.length + failed === 0) {
    throw new Error(`No spec that runs on native has "${flags.filter}" in its name.`);
  }
  console.log(`\n${passed.length} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  const words =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : error;
  console.error(words);
  process.exitCode = 1;
}
