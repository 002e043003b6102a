import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesToText } from '../bytes.ts';
import { WordCounts } from '../count.ts';
import { patternsOf } from '../pre-tokenizer.ts';
import { splitWords } from '../split.ts';
import { trainMerges } from '../train.ts';

/** The kinds of tokenizer.json that models of the families come with. */
export type Kind = 'gpt2' | 'llama3' | 'qwen2' | 'smollm';

/** Llama 3's words, as its tokenizer.json has them for Oniguruma. */
export const LLAMA3_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/** Qwen2's: digits one by one. */
export const QWEN2_PATTERN = LLAMA3_PATTERN.replace('\\p{N}{1,3}', '\\p{N}');

const TEXTS = [
  'The cat sat on the mat; the dog sat on the log. Who sat on the mat? The cat did, and then it left.\n\n',
  "It's the dog's log, isn't it? I'LL say THEY'RE here, we've seen it, they'd know. I'm sure.\r\n",
  '12 + 30 = 42, 7 * 8 = 56, 1234567 and 2026-11-25, 3.14159\tx = y[i] + (a->b);\n    return x;\n',
  'function add(a, b) {\n  return a + b; // sum\n}\n\nconst value = add(1, 22) === 333 ? "yes" : \'no\';\n',
  'Ürümqi, naïve café; Привет, мир! 你好世界 नमस्ते 👩‍👩‍👧‍👦 🇫🇷 cafe\u0301 ﷽\n',
  'low lower lowest new newer newest wide wider widest '.repeat(20),
];

interface Shape {
  normalizer: object | null;
  preTokenizer: object;
  /** special tokens in the order of their ids */
  special: string[];
  /** added tokens that are no special ones */
  plain?: string[];
  config: Record<string, unknown>;
  before?: string;
  ignoreMerges: boolean;
  mergesArePairs: boolean;
  /** ids left out before the special tokens */
  hole: number;
}

const split = (pattern: string): object => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
});
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

const SHAPES: Record<Kind, Shape> = {
  gpt2: {
    normalizer: null,
    preTokenizer: byteLevel,
    special: ['<|endoftext|>'],
    config: { bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' },
    ignoreMerges: false,
    mergesArePairs: false,
    hole: 0,
  },
  llama3: {
    normalizer: null,
    preTokenizer: split(LLAMA3_PATTERN),
    special: [
      '<|begin_of_text|>',
      '<|end_of_text|>',
      '<|reserved_special_token_0|>',
      '<|finetune_right_pad_id|>',
      '<|start_header_id|>',
      '<|end_header_id|>',
      '<|eot_id|>',
      '<|reserved_special_token_1|>',
    ],
    config: { bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>' },
    before: '<|begin_of_text|>',
    ignoreMerges: true,
    mergesArePairs: true,
    hole: 3,
  },
  qwen2: {
    normalizer: { type: 'NFC' },
    preTokenizer: split(QWEN2_PATTERN),
    special: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
    plain: ['<tool_call>'],
    config: { bos_token: null, eos_token: '<|im_end|>', pad_token: '<|endoftext|>' },
    ignoreMerges: false,
    mergesArePairs: false,
    hole: 0,
  },
  smollm: {
    normalizer: null,
    preTokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel],
    },
    special: ['<|endoftext|>', '<|im_start|>', '<|im_end|>'],
    config: { bos_token: '<|im_start|>', eos_token: '<|im_end|>', pad_token: '<|im_end|>' },
    ignoreMerges: false,
    mergesArePairs: false,
    hole: 0,
  },
};

/**
 * Writes a folder with a small tokenizer of a kind: its own merges of a few kilobytes of text, in the kind's form.
 * @returns its size: one more than the largest id
 */
export function writeTokenizerOfKind(
  folder: string,
  kind: Kind,
  { chatTemplate, vocabularySize = 420 }: { chatTemplate?: string; vocabularySize?: number } = {},
): number {
  const shape = SHAPES[kind];
  const patterns = patternsOf('', shape.preTokenizer as Parameters<typeof patternsOf>[1]);
  let words = TEXTS.map((text) => (shape.normalizer ? text.normalize('NFC') : text));
  for (const pattern of patterns)
    words = words.flatMap((text) => [...splitWords(text, new RegExp(pattern, 'gu'))]);
  const counts = new WordCounts();
  for (const word of words) {
    const bytes = Buffer.from(word);
    counts.add(bytes, 0, bytes.length);
  }
  const merges = trainMerges(
    counts,
    Array.from({ length: 256 }, (_, byte) => byte),
    256,
    vocabularySize - 256,
  );
  const names = Array.from({ length: 256 }, (_, byte) => bytesToText([byte]));
  const pairs = merges.map(([left, right]): [string, string] => {
    const pair: [string, string] = [names[left] ?? '', names[right] ?? ''];
    names.push(pair.join(''));
    return pair;
  });
  // A word that no merge makes: only a tokenizer that ignores merges for whole words gives it.
  if (shape.ignoreMerges) names.push('Ġignored');
  const first = names.length + shape.hole;
  const added = [...shape.special, ...(shape.plain ?? [])].map((content, i) => ({
    id: first + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: i < shape.special.length,
  }));
  const processor = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true };
  const beginning = added.find(({ content }) => content === shape.before);
  mkdirSync(folder, { recursive: true });
  const write = (name: string, value: object): void =>
    writeFileSync(join(folder, name), JSON.stringify(value));
  write('tokenizer.json', {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: shape.normalizer,
    pre_tokenizer: shape.preTokenizer,
    post_processor: beginning
      ? {
          type: 'Sequence',
          processors: [
            processor,
            {
              type: 'TemplateProcessing',
              single: [
                { SpecialToken: { id: beginning.content, type_id: 0 } },
                { Sequence: { id: 'A', type_id: 0 } },
              ],
              pair: [],
              special_tokens: {
                [beginning.content]: {
                  id: beginning.content,
                  ids: [beginning.id],
                  tokens: [beginning.content],
                },
              },
            },
          ],
        }
      : processor,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: shape.ignoreMerges,
      vocab: Object.fromEntries(names.map((name, id) => [name, id])),
      merges: shape.mergesArePairs ? pairs : pairs.map((pair) => pair.join(' ')),
    },
  });
  write('tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    model_max_length: 131072,
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [String(id), token])),
    ...shape.config,
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  });
  return first + added.length;
}
