import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const app = fileURLToPath(new URL('../..', import.meta.url));

const sources = readdirSync(app, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx$/.test(entry.name) && !entry.name.includes('.test.'))
  .map((entry) => join(entry.parentPath, entry.name));

/** What would leave the visual system, and what it has instead. */
const STRANGERS: [what: string, pattern: RegExp][] = [
  [
    'a size that is not 12, 14, 17, 21 or 28',
    /\btext-(\[|xs\b|sm\b|base\b|lg\b|\dxl\b|xl\b|(?!12\b|14\b|17\b|21\b|28\b)\d+)/g,
  ],
  ['a third weight', /\bfont-(thin|light|medium|semibold|bold|black|\[)/g],
  ['a second radius', /\brounded(-(?!one\b)[a-z[]|\s)/g],
  ['a shadow under what does not float', /\bshadow-(?!float\b)[a-z[]/g],
  ['a motion that is not 150 ms', /\bduration-(?!150\b)[\d[]|\banimate-/g],
  [
    'a colour that is no token',
    /\b(bg|text|border|fill|stroke|outline)-(\[#|(slate|gray|zinc|red|green|blue|amber|yellow)-\d)/g,
  ],
];

it('pages are made of the tokens alone: five sizes, two weights, one radius, one motion', () => {
  expect(sources.length).toBeGreaterThan(60);
  const found = sources.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return STRANGERS.flatMap(([what, pattern]) =>
      [...text.matchAll(pattern)].map((match) => `${relative(app, file)}: ${what}: ${match[0]}`),
    );
  });
  expect(found).toEqual([]);
});

it('knows a stranger when it sees one', () => {
  const caught = (text: string) =>
    STRANGERS.flatMap(([what, pattern]) => (text.match(pattern) ? [what] : []));
  expect(caught('text-13 font-bold rounded-lg shadow-md duration-300 bg-[#fff]')).toHaveLength(6);
  expect(caught('text-12 font-strong rounded-one shadow-float duration-150 bg-surface text-red')).toEqual([]);
});
