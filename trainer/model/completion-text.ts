/** What a tokenizer tells of its tokens' text. */
export interface TokenText {
  /** ids run from 0 to below this */
  readonly vocabularySize: number;
  /** the UTF-8 bytes of a token; none for a special token */
  tokenBytes(id: number): Uint8Array;
}

/** A string that ends a completion, ready to be searched for byte by byte (Knuth, Morris and Pratt 1977). */
export class StopString {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** of the first i + 1 bytes: how many at their end are also its beginning */
  readonly #borders: Int32Array;

  constructor(text: string) {
    this.text = text;
    this.bytes = new TextEncoder().encode(text);
    this.#borders = new Int32Array(this.bytes.length);
    for (let i = 1; i < this.bytes.length; i++) {
      this.#borders[i] = this.next(this.#borders[i - 1] ?? 0, this.bytes[i] ?? 0);
    }
  }

  /** How many of its first bytes a text ends with, once `byte` is added to one that ended with `matched` of them. */
  next(matched: number, byte: number): number {
    let length = matched;
    // A whole match goes on from its border, as a part does from its own.
    while (length > 0 && (length === this.bytes.length || this.bytes[length] !== byte)) {
      length = this.#borders[length - 1] ?? 0;
    }
    return this.bytes[length] === byte ? length + 1 : 0;
  }
}

/**
 * The text of one completion, token by token: it grows by whole UTF-8 characters only, and holds back what may turn out
 * to be the beginning of a stop string. Bytes that are no UTF-8 give U+FFFD, as in `Tokenizer.decode`.
 */
export class CompletionText {
  /** what is certain so far */
  text = '';
  readonly #stops: readonly StopString[];
  /** of each stop string: how many of its bytes the text ends with */
  readonly #matched: Int32Array;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #held: number[] = [];

  constructor(stops: readonly StopString[]) {
    this.#stops = stops;
    this.#matched = new Int32Array(stops.length);
  }

  /**
   * Adds a token's bytes.
   * @returns the stop string that they complete, which the text then ends before; of several that end at the same byte
   * the longest. Null if there is none
   */
  add(bytes: Uint8Array): string | null {
    for (const byte of bytes) {
      this.#held.push(byte);
      let found: StopString | null = null;
      for (const [index, stop] of this.#stops.entries()) {
        const matched = stop.next(this.#matched[index] ?? 0, byte);
        this.#matched[index] = matched;
        if (matched === stop.bytes.length && matched > (found?.bytes.length ?? 0)) found = stop;
      }
      if (found) {
        this.#release(found.bytes.length);
        this.#held = [];
        this.end();
        return found.text;
      }
    }
    this.#release(Math.max(0, ...this.#matched));
    return null;
  }

  /** There is no more to come: what was held back is text. */
  end(): void {
    this.#release(0);
    this.text += this.#decoder.decode();
  }

  /** Takes over all but the last `kept` of the bytes held. */
  #release(kept: number): void {
    const released = this.#held.splice(0, this.#held.length - kept);
    if (released.length > 0) this.text += this.#decoder.decode(Uint8Array.from(released), { stream: true });
  }
}
