/**
 * `npx tsx tests/docs/settings.ts`: writes docs/settings.md, every setting of every stage with its default and source, from
 * the schemas themselves.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stageSchemas } from '@touchstone/trainer/stages/schemas.ts';
import { unwrapped } from '@touchstone/trainer/stages/shared/parse-config.ts';
import { z } from 'zod';

export const SETTINGS_FILE = fileURLToPath(new URL('../../docs/settings.md', import.meta.url));

/** The page, from the schemas as they are. */
export function renderSettings(): string {
  const lines = [
    '# Every setting of every stage',
    '',
    'Written by `npx tsx tests/docs/settings.ts` from the schemas (`trainer/stages/*.config.ts`); what each stage does with them:',
    '[training.md](training.md). On the command line `learningRate` is `--learning-rate`. Sources: IG is the InstructGPT paper',
    '(Ouyang et al. 2022, appendix C), LMHP openai/lm-human-preferences, GPT-3 Brown et al. 2020 (appendix B).',
  ];
  for (const [stage, schema] of Object.entries(stageSchemas)) {
    const rows = Object.entries(schema.shape).flatMap(([name, type]) => settingRows(name, type));
    lines.push('', `## ${stage}`, '', ...renderTable(['setting', 'default', 'meaning, unit, source'], rows));
  }
  return `${lines.join('\n')}\n`;
}

/** A setting's row, and, of an object or a list of objects, one for each of its own settings. */
function settingRows(name: string, type: unknown): string[][] {
  const description = type instanceof z.ZodType ? (type.description ?? '') : '';
  const rows = [[`\`${name}\``, defaultOf(type), description.replaceAll('|', '\\|')]];
  const inner = unwrapped(type);
  const object = inner instanceof z.ZodArray ? unwrapped(inner.element) : inner;
  if (object instanceof z.ZodObject) {
    for (const [key, own] of Object.entries(object.shape)) rows.push(...settingRows(`${name}.${key}`, own));
  }
  return rows;
}

function defaultOf(type: unknown): string {
  if (type instanceof z.ZodDefault) return `\`${JSON.stringify(type.def.defaultValue)}\``;
  if (type instanceof z.ZodPrefault) return '';
  return 'required';
}

/** A Markdown table with its columns aligned, as the formatter wants it. */
function renderTable(header: string[], rows: string[][]): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[], filler: string): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, filler)).join(' | ')} |`;
  return [
    line(header, ' '),
    line(
      header.map(() => ''),
      '-',
    ),
    ...rows.map((row) => line(row, ' ')),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SETTINGS_FILE, renderSettings());
