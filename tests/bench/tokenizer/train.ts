/**
 * Trains a tokenizer on the beginning of a text file and prints what it took as JSON:
 * `node --import tsx train.ts FILE MEGABYTES VOCABULARY`. A process of its own, so that its memory is its own.
 */
import { readTexts } from '@touchstone/trainer/data/json-lines.ts';
import { Tokenizer } from '@touchstone/trainer/tokenizer/tokenizer.ts';
import type { Training } from './suite.ts';

const [file = '', megabytes = '', vocabulary = ''] = process.argv.slice(2);
/** Of the process so far, as the system has it: nobody has to look at the right moment. */
const mostMemory = (): number => (process.resourceUsage().maxRSS * 1024) / 1e6;
const texts = function* (): Generator<string> {
  let left = Number(megabytes) * 1e6;
  for (const text of readTexts(file)) {
    if (left <= 0) return;
    left -= Buffer.byteLength(text);
    yield text;
  }
};
const memory = mostMemory();
const began = process.cpuUsage();
const tokenizer = Tokenizer.train(texts(), { vocabularySize: Number(vocabulary) });
const { user, system } = process.cpuUsage(began);
const result: Training = {
  tokens: tokenizer.vocabularySize,
  seconds: (user + system) / 1e6,
  peak: mostMemory(),
  above: mostMemory() - memory,
};
console.log(JSON.stringify(result));
