import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CHAT_TEMPLATE } from '../data/template.ts';
import { messageOf, TrainerError } from '../errors.ts';
import { bytesToText, textToBytes } from './bytes.ts';
import { GPT2_WORD_PATTERN } from './split.ts';
import type { TokenizerDefinition } from './tokenizer.ts';

// Other people's files hold more than we read, so these schemas are strict about what we read only.
const byteLevel = z.object({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false).optional(),
  use_regex: z.boolean().optional(),
});

const split = z.object({
  type: z.literal('Split'),
  pattern: z.object({ Regex: z.string() }),
  behavior: z.literal('Isolated'),
  invert: z.literal(false).optional(),
});

const tokenizerSchema = z.object({
  normalizer: z.null().optional(),
  pre_tokenizer: z.union([
    byteLevel,
    z.object({ type: z.literal('Sequence'), pretokenizers: z.tuple([split, byteLevel]) }),
  ]),
  model: z.object({
    type: z.literal('BPE').optional(),
    vocab: z.record(z.string(), z.int().nonnegative()),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
    byte_fallback: z.literal(false).optional(),
    ignore_merges: z.literal(false).optional(),
  }),
  added_tokens: z
    .array(z.object({ id: z.int().nonnegative(), content: z.string(), special: z.boolean() }))
    .optional(),
});

const tokenName = z.union([
  z.string(),
  z.object({ content: z.string() }).transform(({ content }) => content),
]);
const tokenizerConfigSchema = z.object({ eos_token: tokenName.nullish(), pad_token: tokenName.nullish() });

/** Reads a folder's tokenizer. @throws TrainerError that names the file, the field and what was expected */
export function readTokenizerFiles(folder: string): TokenizerDefinition {
  const file = join(folder, 'tokenizer.json');
  const { pre_tokenizer, model, added_tokens = [] } = parse(file, readJson(file), tokenizerSchema);

  const ids = new Map(Object.entries(model.vocab));
  for (const { id, content } of added_tokens) ids.set(content, id);
  const special = new Set(added_tokens.map(({ content }) => content));
  const tokens: (Uint8Array | null)[] = new Array<Uint8Array | null>(ids.size).fill(null);
  const filled = new Set<number>();
  for (const [text, id] of ids) {
    if (id >= ids.size || filled.has(id)) {
      throw new TrainerError(
        `${file}: model.vocab: the id ${id} of ${JSON.stringify(text)}: expected each id from 0 to ${ids.size - 1} once.`,
      );
    }
    filled.add(id);
    if (special.has(text)) continue;
    const bytes = textToBytes(text);
    if (!bytes) {
      throw new TrainerError(
        `${file}: model.vocab: ${JSON.stringify(text)} is not written in the byte-level alphabet.`,
      );
    }
    tokens[id] = bytes;
  }

  const merges = model.merges.map((merge, rank): [number, number, number] => {
    const [left, right, more] = typeof merge === 'string' ? merge.split(' ') : merge;
    const a = ids.get(left ?? '');
    const b = ids.get(right ?? '');
    const merged = ids.get(`${left}${right}`);
    if (more !== undefined || a === undefined || b === undefined || merged === undefined) {
      throw new TrainerError(
        `${file}: model.merges[${rank}]: ${JSON.stringify(merge)}: expected two tokens whose merger is in the vocabulary.`,
      );
    }
    return [a, b, merged];
  });

  const roles = readRoles(folder);
  const idOf = (name: string, role: string, key: string): number => {
    const id = special.has(name) ? ids.get(name) : undefined;
    if (id !== undefined) return id;
    throw new TrainerError(
      `${file}: the ${role} token ${name} is not among added_tokens: expected it there, or another one's name as ${key} in tokenizer_config.json.`,
    );
  };
  return {
    tokens,
    specialTokens: new Map(added_tokens.map(({ id, content }) => [id, content])),
    merges,
    pattern: patternOf(file, pre_tokenizer),
    endOfText: idOf(roles.endOfText, 'end-of-text', 'eos_token'),
    padding: idOf(roles.padding, 'padding', 'pad_token'),
  };
}

/** Writes a tokenizer as Hugging Face's libraries read it. Each file is written whole or not at all. */
export function writeTokenizerFiles(folder: string, definition: TokenizerDefinition): void {
  const { tokens, specialTokens, merges, pattern, endOfText, padding } = definition;
  const nameOf = (id: number): string => specialTokens.get(id) ?? bytesToText(tokens[id] ?? []);
  const added = [...specialTokens].map(([id, content]) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const whole = pattern === GPT2_WORD_PATTERN;
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: whole };
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, 'tokenizer.json'), {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: whole
      ? bytes
      : {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
            bytes,
          ],
        },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((_, id) => [nameOf(id), id])),
      merges: merges.map(([left, right]) => `${nameOf(left)} ${nameOf(right)}`),
    },
  });
  writeJson(join(folder, 'tokenizer_config.json'), {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: nameOf(endOfText),
    eos_token: nameOf(endOfText),
    pad_token: nameOf(padding),
    unk_token: null,
    clean_up_tokenization_spaces: false,
    chat_template: CHAT_TEMPLATE,
  });
}

function patternOf(file: string, pre: z.infer<typeof tokenizerSchema>['pre_tokenizer']): string {
  const pattern = pre.type === 'Sequence' ? pre.pretokenizers[0].pattern.Regex : GPT2_WORD_PATTERN;
  try {
    new RegExp(pattern, 'gu');
  } catch (cause) {
    throw new TrainerError(
      `${file}: pre_tokenizer: its pattern is not a regular expression of JavaScript (${messageOf(cause)}).`,
      { cause },
    );
  }
  return pattern;
}

/** Which tokens end a text and pad a batch: as tokenizer_config.json says, or ours by default. */
function readRoles(folder: string): { endOfText: string; padding: string } {
  const ours = { endOfText: '<|endoftext|>', padding: '<|padding|>' };
  const file = join(folder, 'tokenizer_config.json');
  let value: unknown;
  try {
    value = readJson(file);
  } catch (error) {
    // The file may be missing; one that is there must be readable.
    if (error instanceof TrainerError && isMissing(error.cause)) return ours;
    throw error;
  }
  const { eos_token, pad_token } = parse(file, value, tokenizerConfigSchema);
  return { endOfText: eos_token ?? ours.endOfText, padding: pad_token ?? ours.padding };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TrainerError(`Cannot read the tokenizer's file ${file} (${messageOf(cause)}).`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TrainerError(`${file}: not JSON (${messageOf(cause)}).`, { cause });
  }
}

function parse<T>(file: string, value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TrainerError(
    `${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}: expected a byte-level BPE tokenizer.`,
    { cause: parsed.error },
  );
}

function writeJson(file: string, value: unknown): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(temporary, file);
}
