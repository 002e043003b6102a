import { TrainerError } from '../errors.ts';
import { TokenBuffer } from '../tokenizer/token-buffer.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Document } from './json-lines.ts';

/** A stretch of one document: `cells` input tokens from `start` on; the target of each is the token after it. */
export interface Piece {
  /** index into the corpus' tokens */
  start: number;
  cells: number;
}

/** Tokenized documents of one source, each ending with the end-of-text token, in one array. */
export class TokenCorpus {
  readonly name: string;
  readonly tokens: Int32Array;
  /** where each document begins, and the end of the last: documents + 1 entries */
  readonly starts: Float64Array;
  /** size of the text in UTF-8 */
  readonly bytes: number;

  constructor(name: string, tokens: Int32Array, starts: Float64Array, bytes: number) {
    this.name = name;
    this.tokens = tokens;
    this.starts = starts;
    this.bytes = bytes;
  }

  /** Encodes documents; empty ones are passed over. @throws TrainerError when there is no text at all */
  static encode(name: string, documents: Iterable<Document>, tokenizer: Tokenizer): TokenCorpus {
    const builder = new CorpusBuilder(name, tokenizer);
    for (const { text } of documents) builder.add(text);
    return builder.build();
  }

  get documents(): number {
    return this.starts.length - 1;
  }

  /**
   * The documents cut into pieces of at most `columns` cells. The end-of-text token is only ever a target: nothing
   * follows it in its document.
   * @param phase where a document longer than a row is first cut, in [0, columns); 0 cuts it at multiples of columns
   */
  pieces(columns: number, phase: (document: number) => number = () => 0): Piece[] {
    const pieces: Piece[] = [];
    for (let document = 0; document < this.documents; document++) {
      const start = this.starts[document] ?? 0;
      const cells = (this.starts[document + 1] ?? 0) - start - 1;
      let from = 0;
      let to = cells > columns ? phase(document) || columns : cells;
      while (from < cells) {
        pieces.push({ start: start + from, cells: to - from });
        from = to;
        to = Math.min(cells, to + columns);
      }
    }
    return pieces;
  }
}

/** Makes a corpus out of documents as they come: of each, only its tokens stay in memory. */
export class CorpusBuilder {
  readonly #name: string;
  readonly #tokenizer: Tokenizer;
  readonly #tokens = new TokenBuffer();
  readonly #starts: number[] = [];
  #bytes = 0;

  constructor(name: string, tokenizer: Tokenizer) {
    this.#name = name;
    this.#tokenizer = tokenizer;
  }

  /** How many were added, without the empty ones. */
  get documents(): number {
    return this.#starts.length;
  }

  /** Encodes a document and ends it; an empty one is passed over. */
  add(text: string): void {
    if (text === '') return;
    this.#starts.push(this.#tokens.length);
    this.#tokenizer.encodeInto(text, this.#tokens);
    this.#tokens.push(this.#tokenizer.endOfText);
    this.#bytes += Buffer.byteLength(text);
  }

  /** @throws TrainerError when there is no text at all */
  build(): TokenCorpus {
    const { ids, length } = this.#tokens;
    if (this.documents === 0) {
      throw new TrainerError(`The source ${this.#name} holds no text: expected documents.`);
    }
    const starts = new Float64Array(this.documents + 1).fill(length);
    starts.set(this.#starts);
    return new TokenCorpus(this.#name, ids.slice(0, length), starts, this.#bytes);
  }
}
