import { TrainerError } from '../errors.ts';
import { MergeTable, mergeWord } from './merge.ts';
import { TokenBuffer } from './token-buffer.ts';
import type { TokenizerDefinition } from './tokenizer.ts';
import { WordSplitter } from './word-splitter.ts';
import { WordTable } from './word-table.ts';

/** Words whose tokens are remembered; the memory starts anew when it is full. */
const MOST_REMEMBERED = 100_000;
/** Bytes; longer words are seldom seen twice. */
const LONGEST_REMEMBERED = 64;

/** From text to token ids: words, their bytes, merges. Remembers the words that it has met. */
export class Encoder {
  readonly #splitter: WordSplitter;
  /** the token of each byte, −1 for those that the alphabet lacks */
  readonly #idOfByte = new Int32Array(256).fill(-1);
  readonly #merges: MergeTable;
  /** the tokens that words are looked up among before anything is merged; null where merges have the say */
  readonly #wholeWords: WordTable | null;
  readonly #idOfWholeWord: number[] = [];
  readonly #words = new WordTable();
  /** the tokens of the remembered words, one word after the other */
  readonly #tokens = new TokenBuffer();
  /** where each word's tokens end */
  readonly #ends = new Int32Array(MOST_REMEMBERED);
  #scratch = new Int32Array(LONGEST_REMEMBERED);

  constructor({ tokens, added, merges, pattern, cuts = [], ignoreMerges = false }: TokenizerDefinition) {
    this.#splitter = new WordSplitter([...cuts, pattern]);
    this.#merges = new MergeTable(merges);
    const words = ignoreMerges ? new WordTable() : null;
    const addedIds = new Set(added.map(({ id }) => id));
    for (const [id, bytes] of tokens.entries()) {
      if (!bytes || addedIds.has(id)) continue;
      const byte = bytes.length === 1 ? bytes[0] : undefined;
      if (byte !== undefined) this.#idOfByte[byte] = id;
      if (words) this.#idOfWholeWord[words.add(bytes, 0, bytes.length)] = id;
    }
    this.#wholeWords = words;
  }

  /** Adds a text's ids to `out`. @throws TrainerError for a byte that the alphabet lacks */
  encode(text: string, out: TokenBuffer): void {
    const words = this.#words;
    for (const { bytes, ends, words: count } of this.#splitter.pieces(text)) {
      let start = 0;
      for (let i = 0; i < count; i++) {
        const end = ends[i] ?? 0;
        const word = words.find(bytes, start, end);
        if (word >= 0) this.#recall(word, out);
        else this.#learn(bytes, start, end, out);
        start = end;
      }
    }
  }

  #recall(word: number, out: TokenBuffer): void {
    const tokens = this.#tokens.ids;
    const from = word === 0 ? 0 : (this.#ends[word - 1] ?? 0);
    const to = this.#ends[word] ?? 0;
    out.reserve(to - from);
    const { ids } = out;
    let { length } = out;
    for (let i = from; i < to; i++) ids[length++] = tokens[i] ?? 0;
    out.length = length;
  }

  /** Encodes a word not met before and remembers it. */
  #learn(bytes: Uint8Array, start: number, end: number, out: TokenBuffer): void {
    const count = this.#encodeWord(bytes, start, end);
    append(out, this.#scratch, count);
    if (end - start > LONGEST_REMEMBERED) return;
    if (this.#words.size === MOST_REMEMBERED) {
      this.#words.clear();
      this.#tokens.length = 0;
    }
    append(this.#tokens, this.#scratch, count);
    this.#ends[this.#words.add(bytes, start, end)] = this.#tokens.length;
  }

  /** Leaves a word's tokens in the scratch. @returns how many */
  #encodeWord(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.#scratch.length < length) this.#scratch = new Int32Array(length);
    const scratch = this.#scratch;
    const whole = this.#wholeWords?.find(bytes, start, end) ?? -1;
    if (whole >= 0) {
      scratch[0] = this.#idOfWholeWord[whole] ?? 0;
      return 1;
    }
    for (let i = 0; i < length; i++) {
      const id = this.#idOfByte[bytes[start + i] ?? 0] ?? -1;
      if (id < 0) throw lacking(bytes, start, end, start + i);
      scratch[i] = id;
    }
    return mergeWord(scratch, length, this.#merges);
  }
}

function append(to: TokenBuffer, ids: Int32Array, count: number): void {
  to.reserve(count);
  for (let i = 0; i < count; i++) to.ids[to.length + i] = ids[i] ?? 0;
  to.length += count;
}

function lacking(bytes: Uint8Array, start: number, end: number, at: number): TrainerError {
  const word = new TextDecoder().decode(bytes.subarray(start, end)).slice(0, 40);
  const byte = (bytes[at] ?? 0).toString(16).padStart(2, '0');
  return new TrainerError(
    `The text ${JSON.stringify(word)} has the byte 0x${byte}, which the tokenizer's alphabet lacks.`,
  );
}
