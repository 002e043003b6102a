import { specialToken } from '@touchstone/trainer/tokenizer/added-tokens.ts';
import { CL100K_WORD_PATTERN } from '@touchstone/trainer/tokenizer/split.ts';
import type { TokenizerDefinition } from '@touchstone/trainer/tokenizer/tokenizer.ts';
import ranks from 'gpt-tokenizer/bpeRanks/cl100k_base';

/** The peer's vocabulary of 100,256 tokens, OpenAI's cl100k, for our tokenizer: it must give the same ids. */
export function cl100k(): TokenizerDefinition {
  const tokens: (Uint8Array | null)[] = Array.from(ranks, (token) =>
    token === undefined ? null : typeof token === 'string' ? Buffer.from(token) : Uint8Array.from(token),
  );
  const merges = mergesOf(tokens);
  const endOfText = tokens.push(null) - 1;
  const padding = tokens.push(null) - 1;
  return {
    tokens,
    added: [specialToken(endOfText, '<|endoftext|>'), specialToken(padding, '<|padding|>')],
    merges,
    pattern: CL100K_WORD_PATTERN,
    endOfText,
    padding,
  };
}

/**
 * The merges that a list of ranks stands for: each token is the pair that is left of its bytes when all earlier tokens
 * have been merged.
 */
function mergesOf(tokens: readonly (Uint8Array | null)[]): [number, number, number][] {
  const keys = tokens.map((token) => (token ? Buffer.from(token).toString('latin1') : null));
  const ids = new Map(keys.flatMap((key, id) => (key === null ? [] : [[key, id] as const])));
  const merges: [number, number, number][] = [];
  for (const [id, key] of keys.entries()) {
    if (key === null || key.length < 2) continue;
    const parts = [...key];
    while (parts.length > 2) {
      let best = id;
      let at = -1;
      for (let i = 1; i < parts.length; i++) {
        const rank = ids.get(`${parts[i - 1]}${parts[i]}`) ?? id;
        if (rank < best) {
          best = rank;
          at = i - 1;
        }
      }
      if (at < 0) throw new Error(`The token ${id} of cl100k is not made of two earlier ones.`);
      parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
    }
    merges.push([ids.get(parts[0] ?? '') ?? -1, ids.get(parts[1] ?? '') ?? -1, id]);
  }
  return merges;
}
