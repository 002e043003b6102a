import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Measurement, measurement } from '../row.ts';
import type { BenchOptions, Suite } from '../suite.ts';
import { prose } from './texts.ts';

/** Megabytes a second of both sides on one kind of text. */
const encodeRatesSchema = z.object({
  name: z.string(),
  megabytes: z.number(),
  /** every word has been met before */
  warm: z.number(),
  /** a tokenizer that has met no word yet */
  cold: z.number(),
  /** warm, into a typed array, as corpora are encoded */
  typed: z.number(),
  peerWarm: z.number(),
  peerCold: z.number(),
});
export type EncodeRates = z.infer<typeof encodeRatesSchema>;

const trainingSchema = z.object({
  tokens: z.int(),
  /** of processor time, reading included */
  seconds: z.number(),
  /** resident memory in MB, at its most */
  peak: z.number(),
  /** of it, what training added */
  above: z.number(),
});
export type Training = z.infer<typeof trainingSchema>;

/** The tokenizer's speed: encoding beside the npm package gpt-tokenizer, training by itself. One thread. */
export const suite: Suite = {
  async run(options) {
    return [...encodeRows(options), ...trainRows(options)];
  },
};

/** `bpe-encode` is the row, of all kinds of text, warm and cold, where the ratio to the peer is the worst. */
function encodeRows({ say }: BenchOptions): Measurement[] {
  say('Peer: gpt-tokenizer with the same vocabulary, cl100k; every text is checked to give the same ids.');
  if (!process.env.BENCH_TEXT) say('No real text: BENCH_TEXT may name files, with a colon between.');
  const rates = z.array(encodeRatesSchema).parse(inProcess('encode.ts', []));
  const unit = 'MB/s';
  const rows = rates.flatMap(({ name, warm, cold, typed, peerWarm, peerCold }) => [
    measurement(`bpe-encode/${name}/cold`, unit, 'higher', { ours: cold, peer: peerCold }),
    measurement(`bpe-encode/${name}/warm`, unit, 'higher', { ours: warm, peer: peerWarm }),
    measurement(`bpe-encode/${name}/warm, typed`, unit, 'higher', { ours: typed, peer: peerWarm }),
  ]);
  const [worst] = [...rows].sort((a, b) => (a.ratio ?? 0) - (b.ratio ?? 0));
  return worst ? [{ ...worst, name: 'bpe-encode' }, ...rows] : rows;
}

/** `bpe-train`: 100 MB, and memory at a quarter and half of that. No package of npm trains such a tokenizer. */
function trainRows({ say }: BenchOptions): Measurement[] {
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
  try {
    const file = join(folder, 'prose.txt');
    say('Writing 100 MB of made-up prose …');
    writeFileSync(file, '');
    for (const text of prose(100e6, 'train')) writeFileSync(file, text, { flag: 'a' });
    const train = (megabytes: number, vocabulary: number): Training => {
      const result = trainingSchema.parse(inProcess('train.ts', [file, `${megabytes}`, `${vocabulary}`]));
      if (result.tokens !== vocabulary)
        throw new Error(`${result.tokens} tokens were learnt of ${vocabulary}.`);
      say(
        `Trained ${vocabulary} tokens on ${megabytes} MB: ${result.seconds.toFixed(1)} s, ${result.peak.toFixed(0)} MB.`,
      );
      return result;
    };
    const seconds = 'seconds of processor time';
    const memory = 'MB above the start';
    const small = train(100, 8192);
    const large = train(100, 32_768);
    return [
      measurement('bpe-train', `${seconds}, 100 MB, 8k tokens`, 'lower', { ours: small.seconds }),
      measurement('bpe-train/32k', `${seconds}, 100 MB, 32k tokens`, 'lower', { ours: large.seconds }),
      ...[25, 50].map((size) =>
        measurement(`bpe-train/memory of ${size} MB`, memory, 'lower', { ours: train(size, 8192).above }),
      ),
      measurement('bpe-train/memory of 100 MB', memory, 'lower', { ours: small.above }),
      measurement('bpe-train/memory of 100 MB, 32k', memory, 'lower', { ours: large.above }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a script beside this file and reads the JSON that it prints. */
function inProcess(script: string, args: string[]): unknown {
  const path = fileURLToPath(new URL(`./${script}`, import.meta.url));
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', path, ...args], { encoding: 'utf8' }));
}
