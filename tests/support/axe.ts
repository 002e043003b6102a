import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Not preloaded: no rule of ours reads the style sheets themselves, and to fetch them takes a second a page.
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const run = (
  rules: string[],
) => `axe.run(document, { runOnly: ${JSON.stringify(rules)}, resultTypes: ['violations'], preload: false })
  .then((result) => result.violations.map(({ id, help, nodes }) => ({ id, help, targets: nodes.map((node) => node.target.join(' ')) })))`;

const Violations = z.array(z.object({ id: z.string(), help: z.string(), targets: z.array(z.string()) }));

/**
 * What axe finds wrong with a page as it stands: one sentence for each rule.
 * @param rules tags or names of rules; WCAG 2.2 AA and axe's best practice when absent
 */
export async function axeViolations(page: Page, rules: string[] = TAGS): Promise<string[]> {
  await page.evaluate(AXE);
  return Violations.parse(await page.evaluate(run(rules))).map(
    ({ id, help, targets }) => `${id}: ${help}: ${targets.slice(0, 3).join(' | ')}`,
  );
}
