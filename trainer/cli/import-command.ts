import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { convertTrees } from '../data/oasst.ts';
import { TrainerError } from '../errors.ts';
import { replaceFile } from '../stages/shared/run-files.ts';
import { parseFraction } from './options.ts';

interface OasstFlags {
  out: string;
  language?: string;
  validationFraction: number;
}

/** Adds `import oasst`. */
export function addImportCommand(program: Command): void {
  const command = program
    .command('import')
    .description('turns published data into the files that stages read');
  command
    .command('oasst')
    .description(
      'Open-Assistant trees: documents, demonstrations, rankings of siblings and prompts, split by tree',
    )
    .argument('<trees>', 'JSON lines of trees { message_tree_id, prompt: { text, role, replies } }, unpacked')
    .requiredOption('--out <folder>', 'where the files go')
    .option('--language <code>', 'only messages in this language, for example en')
    .option('--validation-fraction <number>', 'share of trees held out', parseFraction, 0.1)
    .action(importOasst);
}

function importOasst(trees: string, { out, language, validationFraction }: OasstFlags): void {
  const converted = convertTrees(trees, { validationFraction, language });
  if (converted.prompts.length === 0) {
    throw new TrainerError(
      `${trees} has no prompt${language === undefined ? '' : ` in the language "${language}"`}: expected at least one tree.`,
    );
  }
  const { documents, prompts, demonstrations, rankings } = converted;
  // Stages read what a split names only in demonstrations and rankings; the others are files of their own.
  const of =
    (split: string) =>
    (row: { split: string }): boolean =>
      row.split === split;
  const texts = (rows: typeof documents) => rows.map(({ text, source }) => ({ text, source }));
  const files: Record<string, readonly object[]> = {
    'documents.jsonl': texts(documents.filter(of('train'))),
    'validation-documents.jsonl': texts(documents.filter(of('validation'))),
    'prompts.jsonl': prompts.filter(of('train')),
    'validation-prompts.jsonl': prompts.filter(of('validation')),
    'demonstrations.jsonl': demonstrations,
    'rankings.jsonl': rankings,
  };
  mkdirSync(out, { recursive: true });
  for (const [name, rows] of Object.entries(files)) {
    replaceFile(join(out, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  const heldOut = (rows: readonly { split: string }[]): string =>
    `${rows.length} (${rows.filter(of('validation')).length} held out)`;
  process.stdout.write(
    `${converted.trees} trees: ${heldOut(documents)} messages, ${heldOut(prompts)} prompts, ${heldOut(demonstrations)} demonstrations, ${heldOut(rankings)} rankings: ${out}\n`,
  );
}
