import { TrainerError } from '../errors.ts';
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
  /** of each document the line of its file, 0 where it is none */
  readonly lines: Float64Array;
  /** size of the text in UTF-8 */
  readonly bytes: number;

  private constructor(
    name: string,
    tokens: Int32Array,
    starts: Float64Array,
    lines: Float64Array,
    bytes: number,
  ) {
    this.name = name;
    this.tokens = tokens;
    this.starts = starts;
    this.lines = lines;
    this.bytes = bytes;
  }

  /** Encodes documents; empty ones are passed over. @throws TrainerError when there is no text at all */
  static encode(name: string, documents: Iterable<Document>, tokenizer: Tokenizer): TokenCorpus {
    let tokens = new Int32Array(1 << 16);
    let used = 0;
    let bytes = 0;
    const starts: number[] = [];
    const lines: number[] = [];
    for (const { text, line = 0 } of documents) {
      if (text === '') continue;
      const encoded = tokenizer.encode(text);
      if (used + encoded.length + 1 > tokens.length) {
        const grown = new Int32Array(Math.max(2 * tokens.length, used + encoded.length + 1));
        grown.set(tokens.subarray(0, used));
        tokens = grown;
      }
      starts.push(used);
      lines.push(line);
      tokens.set(encoded, used);
      used += encoded.length;
      tokens[used++] = tokenizer.endOfText;
      bytes += Buffer.byteLength(text);
    }
    if (starts.length === 0) throw new TrainerError(`The source ${name} holds no text: expected documents.`);
    starts.push(used);
    const [from, of] = [Float64Array.from(starts), Float64Array.from(lines)];
    return new TokenCorpus(name, tokens.slice(0, used), from, of, bytes);
  }

  get documents(): number {
    return this.starts.length - 1;
  }

  /** Where a piece comes from, for errors: "documents.jsonl:17", or "book.txt, tokens 640 to 767". */
  placeOf({ start, cells }: Piece): string {
    let [low, high] = [0, this.documents - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.starts[middle] ?? 0) <= start) low = middle;
      else high = middle - 1;
    }
    const line = this.lines[low] ?? 0;
    return line > 0 ? `${this.name}:${line}` : `${this.name}, tokens ${start} to ${start + cells - 1}`;
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
