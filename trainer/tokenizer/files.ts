import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CHAT_TEMPLATE } from '../data/template.ts';
import { messageOf, TrainerError } from '../errors.ts';
import { type AddedToken, addedTokenSchema } from './added-tokens.ts';
import { bytesToText, textToBytes } from './bytes.ts';
import { normalizationOf, normalizerSchema, patternsOf, preTokenizerSchema } from './pre-tokenizer.ts';
import { chooseRoles, type DeclaredRoles } from './roles.ts';
import { GPT2_WORD_PATTERN } from './split.ts';
import type { TokenizerDefinition } from './tokenizer.ts';

const CONFIG_FILE = 'tokenizer_config.json';

// Other people's files hold more than we read, so these schemas are strict about what changes the ids, and keep the rest.
const modelSchema = z.looseObject({
  type: z.literal('BPE').optional(),
  vocab: z.record(z.string(), z.int().nonnegative()),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  byte_fallback: z.literal(false).optional(),
  ignore_merges: z.boolean().optional(),
  dropout: z.literal(null).or(z.literal(0)).optional(),
  continuing_subword_prefix: z.literal('').nullish(),
  end_of_word_suffix: z.literal('').nullish(),
});

const templateSchema = z.looseObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(
    z.union([
      z.object({ SpecialToken: z.object({ id: z.string() }) }),
      z.object({ Sequence: z.object({ id: z.string() }) }),
    ]),
  ),
});
const byteLevelSchema = z.looseObject({ type: z.literal('ByteLevel') });
const postProcessorSchema = z.union([
  templateSchema,
  byteLevelSchema,
  z.looseObject({
    type: z.literal('Sequence'),
    processors: z.array(z.union([templateSchema, byteLevelSchema])),
  }),
]);

const tokenizerSchema = z.looseObject({
  normalizer: normalizerSchema.nullish(),
  pre_tokenizer: preTokenizerSchema,
  post_processor: postProcessorSchema.nullish(),
  model: modelSchema,
  added_tokens: z.array(addedTokenSchema).optional(),
});

const tokenName = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const tokenizerConfigSchema = z.looseObject({
  bos_token: tokenName,
  eos_token: tokenName,
  pad_token: tokenName,
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
});

/** Ids of roles in config.json and generation_config.json; what else is wrong there is not the tokenizer's to say. */
const roleIds = z.looseObject({
  bos_token_id: z.int().nullish().catch(null),
  eos_token_id: z
    .union([z.int(), z.array(z.int())])
    .nullish()
    .catch(null),
  pad_token_id: z.int().nullish().catch(null),
  vocab_size: z.int().nullish().catch(null),
});

/** What a loaded folder's files hold beyond the definition; written again as it was. */
export interface TokenizerForm {
  /** tokenizer.json without vocab and merges */
  tokenizer: Record<string, unknown>;
  /** whether merges are written as pairs instead of one text */
  mergesArePairs: boolean;
  /** of the added tokens, those that the vocabulary lists as well */
  inVocabulary: ReadonlySet<number>;
  /** tokenizer_config.json; null where there was none */
  config: Record<string, unknown> | null;
}

/** Reads a folder's tokenizer. @throws TrainerError that names the file, the field and what was expected */
export function readTokenizerFiles(folder: string): TokenizerDefinition {
  const file = join(folder, 'tokenizer.json');
  const raw = readJson(file);
  const whole = parse(file, raw, tokenizerSchema);
  const { pre_tokenizer, normalizer, post_processor, model, added_tokens: added = [] } = whole;
  const ids = new Map(Object.entries(model.vocab));
  const inVocabulary = new Set<number>();
  for (const { id, content } of added) {
    const known = ids.get(content);
    if (known !== undefined && known !== id) {
      throw new TrainerError(
        `${file}: added_tokens: ${content} has the id ${id}: expected ${known}, as in model.vocab.`,
      );
    }
    if (known !== undefined) inVocabulary.add(id);
    ids.set(content, id);
  }
  const tokens = tokensById(file, ids, added);
  const merges = readMerges(file, model.merges, ids);
  const idOfByte = (byte: number): number | undefined => ids.get(bytesToText([byte]));
  const { config, ...declared } = readRoles(folder);
  const { made, ...roles } = chooseRoles(declared, {
    file,
    added,
    idOf: (name) => ids.get(name),
    idOfByte,
    size: tokens.length,
  });
  if (made) tokens.push(null);
  const [pattern, ...before] = patternsOf(`${file}: pre_tokenizer`, pre_tokenizer).reverse();
  const { vocab, merges: written, ...settings } = model;
  const anyObject = z.record(z.string(), z.unknown());
  return {
    ...roles,
    ...surroundings(file, post_processor ?? null, ids),
    tokens,
    added: made ? [...added, made] : added,
    merges,
    // Without a pattern the text is one word.
    pattern: pattern ?? '[^]+',
    cuts: before.reverse(),
    normalization: normalizationOf(normalizer),
    ignoreMerges: model.ignore_merges ?? false,
    chatTemplate: chatTemplateOf(folder, config),
    form: {
      tokenizer: { ...parse(file, raw, anyObject), model: settings },
      mergesArePairs: Array.isArray(written[0]),
      inVocabulary,
      config: readOptional(join(folder, CONFIG_FILE), anyObject),
    },
  };
}

/** Bytes by id, null for what is no text: special tokens, and ids that no token has. */
function tokensById(
  file: string,
  ids: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
): (Uint8Array | null)[] {
  let size = 0;
  for (const id of ids.values()) size = Math.max(size, id + 1);
  // Files leave ids out between the vocabulary and the added tokens; one far beyond is a slip.
  if (ids.size === 0 || size > 2 * ids.size + 1024) {
    throw new TrainerError(
      `${file}: model.vocab: ${ids.size} tokens with ids up to ${size - 1}: expected them numbered without large gaps.`,
    );
  }
  const tokens = new Array<Uint8Array | null>(size).fill(null);
  const taken = new Map<number, string>();
  const addedByName = new Map(added.map((token) => [token.content, token]));
  for (const [text, id] of ids) {
    const other = taken.get(id);
    if (other !== undefined) {
      throw new TrainerError(
        `${file}: model.vocab: the id ${id} of ${JSON.stringify(text)} is ${JSON.stringify(other)}'s as well: expected each id once.`,
      );
    }
    taken.set(id, text);
    const token = addedByName.get(text);
    const bytes = token ? (token.special ? null : new TextEncoder().encode(text)) : textToBytes(text);
    if (!token && !bytes) {
      throw new TrainerError(
        `${file}: model.vocab: ${JSON.stringify(text)} is not written in the byte-level alphabet.`,
      );
    }
    tokens[id] = bytes;
  }
  return tokens;
}

function readMerges(
  file: string,
  merges: z.infer<typeof modelSchema>['merges'],
  ids: ReadonlyMap<string, number>,
): [number, number, number][] {
  return merges.map((merge, rank): [number, number, number] => {
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
}

/** The ids that the post-processor puts before and after a text. */
function surroundings(
  file: string,
  processor: z.infer<typeof postProcessorSchema> | null,
  ids: ReadonlyMap<string, number>,
): { before: number[]; after: number[] } {
  const all = processor?.type === 'Sequence' ? processor.processors : processor ? [processor] : [];
  const before: number[] = [];
  const after: number[] = [];
  for (const one of all) {
    if (one.type !== 'TemplateProcessing') continue;
    let side = before;
    for (const item of (one as z.infer<typeof templateSchema>).single) {
      if ('Sequence' in item) {
        side = after;
        continue;
      }
      const id = ids.get(item.SpecialToken.id);
      if (id === undefined) {
        throw new TrainerError(
          `${file}: post_processor: there is no token ${item.SpecialToken.id}: expected one of the vocabulary.`,
        );
      }
      side.push(id);
    }
  }
  return { before, after };
}

/** Writes a tokenizer as Hugging Face's libraries read it. Each file is written whole or not at all. */
export function writeTokenizerFiles(folder: string, definition: TokenizerDefinition): void {
  const { tokens, added, merges, form } = definition;
  const addedById = new Map(added.map((token) => [token.id, token]));
  const nameOf = (id: number): string => addedById.get(id)?.content ?? bytesToText(tokens[id] ?? []);
  const vocabulary: [string, number][] = [];
  for (const [id, bytes] of tokens.entries()) {
    const listed = form ? form.inVocabulary.has(id) : true;
    if (addedById.has(id) ? listed : bytes !== null) vocabulary.push([nameOf(id), id]);
  }
  const kind = form?.tokenizer ?? ownKind(definition);
  const pairs = merges.map(([left, right]): [string, string] => [nameOf(left), nameOf(right)]);
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, 'tokenizer.json'), {
    ...kind,
    added_tokens: added,
    model: {
      ...(kind.model as Record<string, unknown>),
      vocab: Object.fromEntries(vocabulary),
      merges: form?.mergesArePairs ? pairs : pairs.map((pair) => pair.join(' ')),
    },
  });
  writeJson(join(folder, CONFIG_FILE), tokenizerConfig(definition, addedById));
}

/** `tokenizer.json` of a tokenizer of ours, without its vocabulary. */
function ownKind({ pattern }: TokenizerDefinition): Record<string, unknown> {
  const whole = pattern === GPT2_WORD_PATTERN;
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: whole };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
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
    },
  };
}

function tokenizerConfig(
  { added, form, endOfText, beginOfText, padding, chatTemplate }: TokenizerDefinition,
  addedById: ReadonlyMap<number, AddedToken>,
): Record<string, unknown> {
  const begin = addedById.get(beginOfText ?? endOfText)?.content ?? null;
  // A token of the vocabulary is not declared: transformers would then find its name in ordinary text.
  const names = {
    bos_token: begin,
    eos_token: addedById.get(endOfText)?.content ?? null,
    pad_token: addedById.get(padding)?.content ?? null,
  };
  const template = { chat_template: chatTemplate ?? CHAT_TEMPLATE };
  if (!form?.config) {
    const plain = { unk_token: null, clean_up_tokenization_spaces: false };
    return { tokenizer_class: 'PreTrainedTokenizerFast', ...names, ...plain, ...template };
  }
  const { config } = form;
  const listed = z.record(z.string(), z.unknown()).safeParse(config.added_tokens_decoder);
  const made = listed.success ? added.filter(({ id }) => !(String(id) in listed.data)) : [];
  return {
    ...config,
    ...(config.bos_token ? {} : { bos_token: begin }),
    ...(config.eos_token ? {} : { eos_token: names.eos_token }),
    pad_token: names.pad_token,
    ...(listed.success
      ? {
          added_tokens_decoder: {
            ...listed.data,
            ...Object.fromEntries(made.map(({ id, ...token }) => [String(id), token])),
          },
        }
      : {}),
    ...template,
  };
}

/** What the folder's files declare about begin, end and padding, and what we read of its tokenizer_config.json. */
function readRoles(folder: string): DeclaredRoles & { config: z.infer<typeof tokenizerConfigSchema> | null } {
  const config = readOptional(join(folder, CONFIG_FILE), tokenizerConfigSchema);
  const model = readOptional(join(folder, 'config.json'), roleIds);
  const generation = readOptional(join(folder, 'generation_config.json'), roleIds);
  const end = generation?.eos_token_id ?? model?.eos_token_id ?? null;
  const known = (id: number | null | undefined): number | null => (id != null && id >= 0 ? id : null);
  return {
    begin: config?.bos_token ?? null,
    end: config?.eos_token ?? null,
    padding: config ? (config.pad_token ?? null) : null,
    endIds: (Array.isArray(end) ? end : end === null ? [] : [end]).filter((id) => id >= 0),
    beginId: known(generation?.bos_token_id ?? model?.bos_token_id),
    paddingId: known(generation?.pad_token_id ?? model?.pad_token_id),
    rows: model?.vocab_size ?? null,
    config,
  };
}

/** The template of chat_template.jinja, else of tokenizer_config.json; null for none, and for ours. */
function chatTemplateOf(folder: string, config: z.infer<typeof tokenizerConfigSchema> | null): string | null {
  const file = join(folder, 'chat_template.jinja');
  const held = config?.chat_template ?? null;
  const template = existsSync(file)
    ? readText(file)
    : Array.isArray(held)
      ? (held.find(({ name }) => name === 'default')?.template ?? null)
      : held;
  return template === CHAT_TEMPLATE ? null : template;
}

function readOptional<T>(file: string, schema: z.ZodType<T>): T | null {
  return existsSync(file) ? parse(file, readJson(file), schema) : null;
}

function readJson(file: string): unknown {
  const text = readText(file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TrainerError(`${file}: not JSON (${messageOf(cause)}).`, { cause });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TrainerError(`Cannot read the tokenizer's file ${file} (${messageOf(cause)}).`, { cause });
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
