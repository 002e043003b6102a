import { basename } from 'node:path';
import { z } from 'zod';
import { CorpusBuilder } from '../../data/corpus.ts';
import { readDocuments } from '../../data/json-lines.ts';
import type { MixtureSource } from '../../data/mixture.ts';
import { TrainerError } from '../../errors.ts';
import { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { PretrainConfig } from '../pretrain.config.ts';
import { seedFor } from './seeds.ts';

/** `MixtureState` as a run's state holds it. */
export const mixtureState = z.strictObject({
  random: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  sources: z.record(
    z.string(),
    z.strictObject({
      epoch: z.int(),
      next: z.int(),
      open: z.array(z.tuple([z.int(), z.int()])),
    }),
  ),
});

/** The mixture to learn from, and the documents held out of it, source by source. */
export interface PretrainingData {
  training: MixtureSource[];
  /** Sources too small to hold anything out have no entry. */
  heldOut: MixtureSource[];
}

/** The tokenizer that the config names, or a new one trained on its sources (their held-out part left aside). */
export function openTokenizer(config: PretrainConfig): Tokenizer {
  if (config.tokenizer !== null) return Tokenizer.load(config.tokenizer);
  const texts = function* (): Generator<string> {
    for (const { path } of config.sources) {
      for (const { text, heldOut } of splitDocuments(path, config.validationFraction)) {
        // A character that only the held-out part has must still have a token.
        if (!heldOut || config.tokenizerKind === 'characters') yield text;
      }
    }
  };
  return config.tokenizerKind === 'characters'
    ? Tokenizer.trainCharacters(texts())
    : Tokenizer.train(texts(), { vocabularySize: config.vocabularySize });
}

/** Reads and tokenizes all sources. @throws TrainerError when a source has too little text for one row */
export function loadCorpora(
  config: Pick<PretrainConfig, 'sources' | 'validationFraction' | 'context'>,
  tokenizer: Tokenizer,
): PretrainingData {
  const data: PretrainingData = { training: [], heldOut: [] };
  const names = sourceNames(config.sources.map((source) => source.path));
  for (const [index, { path, weight }] of config.sources.entries()) {
    const name = names[index] ?? path;
    const training = new CorpusBuilder(name, tokenizer);
    const heldOut = new CorpusBuilder(name, tokenizer);
    for (const document of splitDocuments(path, config.validationFraction)) {
      (document.heldOut ? heldOut : training).add(document.text);
    }
    const corpus = training.build();
    if (corpus.tokens.length - corpus.documents < config.context) {
      throw new TrainerError(
        `${path} has ${corpus.tokens.length} tokens to train on: expected more than one row of ${config.context}.`,
      );
    }
    data.training.push({ corpus, weight });
    if (heldOut.documents > 0) data.heldOut.push({ corpus: heldOut.build(), weight });
  }
  return data;
}

/** The files' names, numbered where they repeat: the order of a source's rows depends on its name, not on its folder. */
function sourceNames(paths: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return paths.map((path) => {
    const name = basename(path);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

/** Documents with the side they are on: chosen by a hash of their text, or, of a single document, its end. */
function* splitDocuments(file: string, fraction: number): Generator<{ text: string; heldOut: boolean }> {
  const documents = readDocuments(file);
  const first = documents.next();
  const second = documents.next();
  if (first.done) return;
  if (second.done) {
    const { text } = first.value;
    const cut = Math.round(text.length * (1 - fraction));
    yield { text: text.slice(0, cut), heldOut: false };
    if (cut < text.length) yield { text: text.slice(cut), heldOut: true };
    return;
  }
  for (const { text } of [first.value, second.value]) yield { text, heldOut: isHeldOut(text, fraction) };
  for (const { text } of documents) yield { text, heldOut: isHeldOut(text, fraction) };
}

function isHeldOut(text: string, fraction: number): boolean {
  return seedFor(0, text) / 2 ** 32 < fraction;
}
