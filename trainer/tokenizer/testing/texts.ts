import fc from 'fast-check';

/** The text as UTF-8 has it: lone surrogates, which are no characters, are U+FFFD. */
export const asUtf8 = (text: string): string => Buffer.from(text).toString();

/** Texts that are hard on word patterns: white space of all kinds, contractions, digits, marks, scripts, emoji. */
export const hardText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        ...['the', ' cat', 'X', 'ſ', 'lowest', 'é', 'e\u0301', 'ß', 'Ж', 'नम', 'ি', '你', 'ﾊ', '한', 'ʰ'],
        ...[' ', '  ', '\n', '\r', '\r\n', '\t', '\u000b', '\u0085', '\u00a0', '\u2028', '\u3000', '\ufeff'],
        ...["'", "'s", "'S", "'ſ", "'ll", "'lL", "'v", "'ve", "'rE", "'d", "''", '’s', "'x"],
        ...['1', '12', '345', '6789', '٣', 'Ⅷ', '²', '.', '...', '!?', '_', '$', '<|endoftext|>'],
        ...['👩‍👩‍👧', '🇫🇷', '\u200d', '\ud800', '\udfff', '\u0000', '\uffff', '\u{10ffff}', '﷽'],
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join('')),
);
