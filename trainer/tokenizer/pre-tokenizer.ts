import { z } from 'zod';
import { TrainerError } from '../errors.ts';
import { translatePattern } from './oniguruma.ts';
import { DIGIT_CUT, GPT2_WORD_PATTERN } from './split.ts';

const byteLevel = z.object({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false).optional(),
  use_regex: z.boolean().optional(),
});

const split = z.object({
  type: z.literal('Split'),
  pattern: z.union([z.object({ Regex: z.string() }), z.object({ String: z.string().min(1) })]),
  behavior: z.literal('Isolated'),
  invert: z.literal(false).optional(),
});

const digits = z.object({ type: z.literal('Digits'), individual_digits: z.boolean().optional() });

const step = z.discriminatedUnion('type', [byteLevel, split, digits]);

export const preTokenizerSchema = z.union([
  byteLevel,
  z.object({ type: z.literal('Sequence'), pretokenizers: z.array(step).min(1) }),
]);

const unicodeForm = z.object({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']) });

export const normalizerSchema = z.union([
  unicodeForm,
  z.object({ type: z.literal('Sequence'), normalizers: z.array(unicodeForm).max(1) }),
]);

/** A form that text is brought into before it is cut. */
export type Normalization = z.infer<typeof unicodeForm>['type'];

/** The form that a file's normalizer brings text into; null for none. */
export function normalizationOf(
  value: z.infer<typeof normalizerSchema> | null | undefined,
): Normalization | null {
  if (!value) return null;
  return value.type === 'Sequence' ? (value.normalizers[0]?.type ?? null) : value.type;
}

/**
 * The patterns of JavaScript (flags gu) by which a file's pre-tokenizer cuts text, one after the other, each inside the
 * pieces of the one before. What a pattern does not match is a piece too (`Isolated`).
 * @param where file and key, for errors
 */
export function patternsOf(where: string, value: z.infer<typeof preTokenizerSchema>): string[] {
  const steps = value.type === 'Sequence' ? value.pretokenizers : [value];
  if (steps.at(-1)?.type !== 'ByteLevel') {
    throw new TrainerError(`${where}: expected a byte-level tokenizer: the last step ByteLevel.`);
  }
  return steps.flatMap((one) => {
    if (one.type === 'ByteLevel') return one.use_regex === false ? [] : [GPT2_WORD_PATTERN];
    if (one.type === 'Digits') return [one.individual_digits ? DIGIT_CUT : '\\p{N}+'];
    if ('String' in one.pattern) return [one.pattern.String.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&')];
    try {
      return [translatePattern(one.pattern.Regex)];
    } catch (cause) {
      if (!(cause instanceof TrainerError)) throw cause;
      throw new TrainerError(`${where}: ${cause.message}.`, { cause });
    }
  });
}
