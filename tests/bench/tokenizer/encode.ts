/**
 * Encodes by both sides in turns and prints the rates as JSON: `node --import tsx encode.ts`. A process of its own, so
 * that neither side meets what another benchmark left behind.
 */
import { TokenBuffer } from '@touchstone/trainer/tokenizer/token-buffer.ts';
import { Tokenizer } from '@touchstone/trainer/tokenizer/tokenizer.ts';
import { clearMergeCache, encode } from 'gpt-tokenizer/encoding/cl100k_base';
import { median } from '../row.ts';
import type { EncodeRates } from './suite.ts';
import { type Sample, samples } from './texts.ts';
import { cl100k } from './vocabulary.ts';

const ROUNDS = 7;
const definition = cl100k();
const create = (): Tokenizer => new Tokenizer(definition);

/** Processor seconds of a call. */
function seconds(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** @throws Error where one text's ids differ */
function checkSame(tokenizer: Tokenizer, { name, texts }: Sample): void {
  for (const [index, text] of texts.entries()) {
    const ours = tokenizer.encode(text);
    const theirs = encode(text);
    const at = ours.findIndex((id, i) => id !== theirs[i]);
    if (at >= 0 || ours.length !== theirs.length) {
      throw new Error(`${name}, text ${index}: the ids differ from gpt-tokenizer's, first at ${at}.`);
    }
  }
}

function measure(sample: Sample): EncodeRates {
  const { name, texts } = sample;
  checkSame(create(), sample);
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const encodeAll = (by: (text: string) => unknown): void => {
    for (const text of texts) by(text);
  };
  const warm = create();
  const buffer = new TokenBuffer();
  const sides: Record<'warm' | 'cold' | 'typed' | 'peerWarm' | 'peerCold', number[]> = {
    warm: [],
    cold: [],
    typed: [],
    peerWarm: [],
    peerCold: [],
  };
  for (let round = -1; round < ROUNDS; round++) {
    // New tokenizers know no word yet; the machine code is warm on both sides after the first round, which is not kept.
    const cold = create();
    const times = {
      cold: seconds(() => encodeAll((text) => cold.encode(text))),
      peerCold: seconds(() => {
        clearMergeCache();
        encodeAll((text) => encode(text));
      }),
      warm: seconds(() => encodeAll((text) => warm.encode(text))),
      peerWarm: seconds(() => encodeAll((text) => encode(text))),
      typed: seconds(() => {
        buffer.length = 0;
        encodeAll((text) => warm.encodeInto(text, buffer));
      }),
    };
    if (round < 0) continue;
    for (const [side, time] of Object.entries(times)) sides[side as keyof typeof sides].push(time);
  }
  const rate = (times: number[]): number => bytes / 1e6 / median(times);
  return {
    name,
    megabytes: bytes / 1e6,
    warm: rate(sides.warm),
    cold: rate(sides.cold),
    typed: rate(sides.typed),
    peerWarm: rate(sides.peerWarm),
    peerCold: rate(sides.peerCold),
  };
}

console.log(JSON.stringify(samples().map(measure)));
