import { translatePattern } from './oniguruma.ts';

/**
 * How text is cut into words before byte pairs are merged inside each: letters with one leading space or apostrophe,
 * digits one by one (so that sums are learnt by place), punctuation, runs of white space. Every character falls into
 * exactly one word. Written without `\s`, which differs between JavaScript and Oniguruma; stored in tokenizer.json.
 */
export const WORD_PATTERN =
  "[ ']?[\\p{L}\\p{M}]+| ?\\p{N}| ?[^ \\t\\r\\n\\p{L}\\p{M}\\p{N}]+|[ \\t\\r\\n]+(?![^ \\t\\r\\n])|[ \\t\\r\\n]+";

/**
 * The pattern that a `ByteLevel` pre-tokenizer with `use_regex` stands for: GPT-2's. Its white space is Oniguruma's, as
 * in Hugging Face's library (oniguruma.ts): with U+0085, without U+FEFF.
 */
export const GPT2_WORD_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+";

/** As OpenAI's tiktoken has cl100k (GPT-3.5, GPT-4), written for JavaScript. */
export const CL100K_WORD_PATTERN =
  "'(?:[sS]|[dD]|[mM]|[tT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s";

/** Llama 3's, as its tokenizer.json has it. */
export const LLAMA3_WORD_PATTERN = translatePattern(
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
);

/** Qwen 2's: the same, but every digit by itself. */
export const QWEN2_WORD_PATTERN = translatePattern(
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
);

/** Text is cut at every digit before GPT-2's pattern, as SmolLM's `Digits` has it. */
export const DIGIT_CUT = '\\p{N}';

/** The words of a text, in order; together they are the text. */
export function* splitWords(text: string, pattern: RegExp): Generator<string> {
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    // What no alternative of a loaded pattern matches is a word too.
    if (match.index > end) yield text.slice(end, match.index);
    if (match[0] !== '') yield match[0];
    end = match.index + match[0].length;
  }
  if (end < text.length) yield text.slice(end);
}
