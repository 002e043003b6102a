import { createHash } from 'node:crypto';
import { TrainerError } from '../errors.ts';
import { type AddedToken, AddedTokenFinder, specialToken } from './added-tokens.ts';
import { bytesToText } from './bytes.ts';
import { countWords } from './count.ts';
import { Encoder } from './encoder.ts';
import { readTokenizerFiles, type TokenizerForm, writeTokenizerFiles } from './files.ts';
import type { Normalization } from './pre-tokenizer.ts';
import { END_OF_TEXT, PADDING } from './roles.ts';
import { WORD_PATTERN } from './split.ts';
import { TokenBuffer } from './token-buffer.ts';
import { trainMerges } from './train.ts';

/** Everything that makes a tokenizer: what its files hold. */
export interface TokenizerDefinition {
  /** the bytes of each id's token; null for a special token, which no text encodes to, and for an id without a token */
  tokens: (Uint8Array | null)[];
  /** tokens beside the merges' vocabulary: special ones, and others, which decode to their names */
  added: readonly AddedToken[];
  /** [left id, right id, merged id], the first merged first */
  merges: [number, number, number][];
  /** regular expression (flags gu) of the words inside which bytes are merged */
  pattern: string;
  /** likewise, by which text is cut before, one after the other, each inside the pieces of the one before */
  cuts?: readonly string[];
  /** the Unicode form that text is brought into first */
  normalization?: Normalization | null;
  /** whether a word that is a token is that token, whatever the merges say */
  ignoreMerges?: boolean;
  endOfText: number;
  padding: number;
  beginOfText?: number | null;
  /** every id that ends a text, `endOfText` first; that one alone if left out */
  stops?: readonly number[];
  /** ids that stand before and after a text of its own, as the file's post-processor has it */
  before?: readonly number[];
  after?: readonly number[];
  /** the Jinja template of conversations; null for ours (data/template.ts) */
  chatTemplate?: string | null;
  /** how the folder that it came from is written */
  form?: TokenizerForm;
}

/** Ids for which room is kept between calls of `encode`. */
const MOST_KEPT = 1 << 20;

const NO_BYTES = new Uint8Array(0);

/** A byte-level BPE tokenizer. Any text encodes and decodes to itself; special tokens never come out of text. */
export class Tokenizer {
  readonly endOfText: number;
  readonly padding: number;
  /** the token that a text begins with; null where the files name none */
  readonly beginOfText: number | null;
  /** ids after which generation ends, `endOfText` first */
  readonly stopTokens: readonly number[];
  /** ids that stand before a text of its own (Llama 3: begin-of-text); none of ours */
  readonly before: readonly number[];
  /** the Jinja template of conversations; null for ours (data/template.ts) */
  readonly chatTemplate: string | null;
  /** V: ids run from 0 to below this */
  readonly vocabularySize: number;
  /** UTF-8 bytes that each id stands for; 0 for special tokens */
  readonly byteLengths: Uint32Array;
  readonly #definition: TokenizerDefinition;
  readonly #finder: AddedTokenFinder;
  readonly #encoder: Encoder;
  #encoded = new TokenBuffer();

  constructor(definition: TokenizerDefinition) {
    const { tokens, added, endOfText, padding } = definition;
    if (endOfText === padding) {
      throw new TrainerError(
        `The tokenizer's padding is its end-of-text token (id ${padding}): expected two different ones, or the end would never be learnt.`,
      );
    }
    this.#definition = definition;
    this.#finder = new AddedTokenFinder(added);
    this.beginOfText = definition.beginOfText ?? null;
    this.stopTokens = definition.stops ?? [endOfText];
    this.before = definition.before ?? [];
    this.chatTemplate = definition.chatTemplate ?? null;
    this.vocabularySize = tokens.length;
    this.endOfText = endOfText;
    this.padding = padding;
    this.byteLengths = Uint32Array.from(tokens, (bytes) => bytes?.length ?? 0);
    this.#encoder = new Encoder(definition);
  }

  /**
   * Learns a tokenizer from texts: the two special tokens (ids 0 and 1), the 256 bytes, and as many merges as fill
   * the vocabulary (fewer when no pair occurs twice any more).
   * @throws TrainerError for a vocabulary smaller than 258
   */
  static train(texts: Iterable<string>, options: { vocabularySize: number }): Tokenizer {
    const { vocabularySize } = options;
    if (!Number.isInteger(vocabularySize) || vocabularySize < 258 || vocabularySize > 2 ** 20) {
      throw new TrainerError(
        `A byte-level vocabulary of ${vocabularySize} is not possible: expected a whole number from 258 (256 bytes and 2 special tokens) to ${2 ** 20}.`,
      );
    }
    const words = countWords(texts, WORD_PATTERN);
    if (words.size === 0) throw new TrainerError('There is no text to train a tokenizer on.');
    const definition = baseDefinition(Array.from({ length: 256 }, (_, byte) => byte));
    const { tokens, merges } = definition;
    const idOfByte = Array.from({ length: 256 }, (_, byte) => byte + 2);
    for (const [left, right] of trainMerges(words, idOfByte, tokens.length, vocabularySize - tokens.length)) {
      merges.push([left, right, tokens.length]);
      tokens.push(Uint8Array.from([...(tokens[left] ?? []), ...(tokens[right] ?? [])]));
    }
    return new Tokenizer(definition);
  }

  /**
   * A character-level tokenizer (for ASCII; a byte-level one otherwise): no merges, and only the bytes that occur in
   * the texts, so text with others does not encode.
   */
  static trainCharacters(texts: Iterable<string>): Tokenizer {
    const seen = new Set<number>();
    const encoder = new TextEncoder();
    for (const text of texts) for (const byte of encoder.encode(text)) seen.add(byte);
    if (seen.size === 0) throw new TrainerError('There is no text to train a tokenizer on.');
    return new Tokenizer(baseDefinition([...seen].sort((a, b) => a - b)));
  }

  /**
   * Reads `tokenizer.json` (and `tokenizer_config.json` for the special tokens' roles) of byte-level BPE.
   * @throws TrainerError that names the file and what was expected
   */
  static load(folder: string): Tokenizer {
    return new Tokenizer(readTokenizerFiles(folder));
  }

  /** Writes `tokenizer.json` and `tokenizer_config.json`, each whole or not at all. Makes the folder if need be. */
  save(folder: string): void {
    writeTokenizerFiles(folder, this.#definition);
  }

  /**
   * The ids of a text. Names of special and other added tokens in it are ordinary text. Lone surrogates, which are no
   * characters, count as U+FFFD.
   * @throws TrainerError when a restricted alphabet (`trainCharacters`) lacks a byte of it
   */
  encode(text: string): number[] {
    const ids = this.#encoded;
    ids.length = 0;
    this.encodeInto(text, ids);
    // What one long text took is not kept for the short ones.
    if (ids.length > MOST_KEPT) this.#encoded = new TokenBuffer();
    return ids.toArray();
  }

  /** The same, added to a buffer: for whole corpora, of which an array of numbers would be twice the size. */
  encodeInto(text: string, ids: TokenBuffer): void {
    const { normalization } = this.#definition;
    this.#encoder.encode(normalization ? text.normalize(normalization) : text, ids);
  }

  /**
   * The ids of a text in which the names of added tokens stand for them, as a chat template writes it. Never for text of
   * people.
   * @param mark a character that is left out: set into a name, it keeps the name ordinary text
   */
  encodeMarkup(text: string, mark?: string): number[] {
    const ids: number[] = [];
    for (const piece of this.#finder.pieces(text)) {
      if ('token' in piece) ids.push(piece.token.id);
      else {
        const plain = mark === undefined ? piece.text : piece.text.replaceAll(mark, '');
        for (const id of this.encode(plain)) ids.push(id);
      }
    }
    return ids;
  }

  /** The tokens beside the merges' vocabulary. */
  get addedTokens(): readonly AddedToken[] {
    return this.#definition.added;
  }

  /** Whether both give the same ids to the same texts, and the same tokens their roles. */
  matches(other: Tokenizer): boolean {
    return this.#fingerprint() === other.#fingerprint();
  }

  #fingerprint(): string {
    const { tokens, added, merges, pattern, cuts, normalization, ignoreMerges } = this.#definition;
    const hash = createHash('sha256');
    for (const bytes of tokens) hash.update(bytes ? `${bytesToText(bytes)}\n` : '\n');
    hash.update(Int32Array.from(merges.flat()));
    const names = added.map(({ id, content }) => [id, content]);
    const roles = [this.endOfText, this.padding, this.before];
    hash.update(
      JSON.stringify([names, pattern, cuts ?? [], normalization ?? null, ignoreMerges ?? false, roles]),
    );
    return hash.digest('hex');
  }

  /** The UTF-8 bytes of a token, which may be a part of a character; none for a special token. @throws TrainerError */
  tokenBytes(id: number): Uint8Array {
    const token = this.#definition.tokens[id];
    if (token === undefined) {
      throw new TrainerError(`There is no token ${id}: the vocabulary has ${this.vocabularySize}.`);
    }
    return token ?? NO_BYTES;
  }

  /** The text of ids. Special tokens give nothing; bytes that are no UTF-8 give U+FFFD. */
  decode(ids: Iterable<number>): string {
    const bytes: number[] = [];
    for (const id of ids) for (const byte of this.tokenBytes(id)) bytes.push(byte);
    return Buffer.from(bytes).toString('utf8');
  }
}

/** The special tokens and one token for each of these bytes. */
function baseDefinition(bytes: number[]): TokenizerDefinition {
  return {
    tokens: [null, null, ...bytes.map((byte) => Uint8Array.of(byte))],
    added: [specialToken(0, END_OF_TEXT), specialToken(1, PADDING)],
    merges: [],
    pattern: WORD_PATTERN,
    endOfText: 0,
    padding: 1,
  };
}
