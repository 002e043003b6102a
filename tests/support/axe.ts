import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const RUN = `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })
  .then((result) => result.violations.map(({ id, help, nodes }) => ({ id, help, targets: nodes.map((node) => node.target.join(' ')) })))`;

const Violations = z.array(z.object({ id: z.string(), help: z.string(), targets: z.array(z.string()) }));

/** What axe finds wrong with a page as it stands: one sentence for each rule. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return Violations.parse(await page.evaluate(RUN)).map(
    ({ id, help, targets }) => `${id}: ${help}: ${targets.slice(0, 3).join(' | ')}`,
  );
}
