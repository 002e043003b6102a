import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { readTexts } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { collect, parsePositive } from './options.ts';

/** Adds `tokenizer train|encode|decode`. */
export function addTokenizerCommand(program: Command): void {
  const tokenizer = program.command('tokenizer').description('byte-level BPE: train, encode, decode');
  tokenizer
    .command('train')
    .description('learns merges from documents and writes tokenizer.json')
    .requiredOption(
      '--source <file>',
      'JSON lines of { text } or a .txt file; may be given several times',
      collect,
    )
    .requiredOption('--out <folder>', 'where tokenizer.json goes')
    .option('--vocabulary-size <number>', 'tokens, from 258 up', parsePositive, 512)
    .option('--characters', 'one token a character instead of merges')
    .action((flags: { source: string[]; out: string; vocabularySize: number; characters?: boolean }) => {
      const texts = function* (): Generator<string> {
        for (const file of flags.source) yield* readTexts(file);
      };
      const trained = flags.characters
        ? Tokenizer.trainCharacters(texts())
        : Tokenizer.train(texts(), { vocabularySize: flags.vocabularySize });
      trained.save(flags.out);
      process.stdout.write(`${trained.vocabularySize} tokens: ${flags.out}\n`);
    });
  tokenizer
    .command('encode')
    .description('prints the ids of a text, or of standard input')
    .requiredOption('--tokenizer <folder>', 'folder of tokenizer.json')
    .argument('[text]')
    .action((text: string | undefined, flags: { tokenizer: string }) => {
      const ids = Tokenizer.load(flags.tokenizer).encode(text ?? readFileSync(0, 'utf8'));
      process.stdout.write(`${ids.join(' ')}\n`);
    });
  tokenizer
    .command('decode')
    .description('prints the text of ids, or of ids on standard input')
    .requiredOption('--tokenizer <folder>', 'folder of tokenizer.json')
    .argument('[ids...]')
    .action((given: string[], flags: { tokenizer: string }) => {
      const words = given.length > 0 ? given : readFileSync(0, 'utf8').split(/\s+/).filter(Boolean);
      const ids = words.flatMap((word) => word.split(',')).map(parseId);
      process.stdout.write(`${Tokenizer.load(flags.tokenizer).decode(ids)}\n`);
    });
}

function parseId(word: string): number {
  const id = Number(word);
  if (!Number.isInteger(id) || id < 0) {
    throw new TrainerError(`"${word}" is no token id: expected whole numbers from 0 up.`);
  }
  return id;
}
