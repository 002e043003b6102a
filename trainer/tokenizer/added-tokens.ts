import { z } from 'zod';

/** A token beside the merges' vocabulary, as `tokenizer.json` lists it. */
export interface AddedToken {
  id: number;
  content: string;
  /** whether it is no text: it decodes to nothing */
  special: boolean;
  /** whether it takes the white space before it along when it is found in text */
  lstrip: boolean;
  /** likewise after it */
  rstrip: boolean;
  single_word: boolean;
  normalized: boolean;
}

export const addedTokenSchema = z.object({
  id: z.int().nonnegative(),
  content: z.string().min(1),
  special: z.boolean(),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  single_word: z.boolean().default(false),
  normalized: z.boolean().default(false),
});

/** A special token that keeps the white space around it. */
export function specialToken(id: number, content: string): AddedToken {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
}

/** A piece of a text with added tokens in it: one of them, or what stands between. */
export type Piece = { token: AddedToken } | { text: string };

/** Cuts a text at the added tokens in it, the longest where several begin at one place. */
export class AddedTokenFinder {
  readonly #tokens: Map<string, AddedToken>;
  readonly #pattern: RegExp | null;

  constructor(tokens: readonly AddedToken[]) {
    this.#tokens = new Map(tokens.map((token) => [token.content, token]));
    const names = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    const escaped = names.map((name) => name.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&'));
    this.#pattern = names.length === 0 ? null : new RegExp(escaped.join('|'), 'gu');
  }

  /** Together the pieces are the text, but for white space that tokens take along. */
  *pieces(text: string): Generator<Piece> {
    let end = 0;
    let strip = false;
    for (const match of this.#pattern ? text.matchAll(this.#pattern) : []) {
      const token = this.#tokens.get(match[0]);
      if (!token) continue;
      let between = text.slice(end, match.index);
      if (strip) between = between.trimStart();
      if (token.lstrip) between = between.trimEnd();
      if (between !== '') yield { text: between };
      yield { token };
      end = match.index + match[0].length;
      strip = token.rstrip;
    }
    const rest = strip ? text.slice(end).trimStart() : text.slice(end);
    if (rest !== '') yield { text: rest };
  }
}
