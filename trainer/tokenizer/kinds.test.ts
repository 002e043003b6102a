import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { translatePattern } from './oniguruma.ts';
import { GPT2_WORD_PATTERN, splitWords, WORD_PATTERN } from './split.ts';
import { type Kind, LLAMA3_PATTERN, writeTokenizerOfKind } from './testing/kinds.ts';
import { Tokenizer } from './tokenizer.ts';

const root = mkdtempSync(join(tmpdir(), 'touchstone-kinds-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const kinds: Kind[] = ['gpt2', 'llama3', 'qwen2', 'smollm'];

function made(kind: Kind): { folder: string; size: number } {
  const folder = mkdtempSync(join(root, `${kind}-`));
  return { folder, size: writeTokenizerOfKind(folder, kind) };
}

const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const theirs = (folder: string) =>
  new HuggingFaceTokenizer(json(folder, 'tokenizer.json'), json(folder, 'tokenizer_config.json'));

/** Rewrites a JSON file of a folder. */
function change(folder: string, name: string, edit: (value: Record<string, unknown>) => object): void {
  writeFileSync(join(folder, name), JSON.stringify(edit(json(folder, name))));
}

/**
 * Text of all sorts. Theirs takes JavaScript's white space for Oniguruma's, and folds ASCII only, so the characters in
 * which these differ are left out here and held below.
 */
const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc
      .array(
        fc.constantFrom(
          ...[
            'the',
            ' cat',
            ' ',
            '  ',
            '\n',
            '\r\n',
            '\t',
            "'s",
            "'LL",
            "'Ve",
            "I'm",
            '12',
            '1234567',
            '３',
            '½',
          ],
          ...[
            'return x;',
            '->',
            '(a+b)',
            '你好',
            'नम',
            'é',
            'e\u0301',
            '\u1100\u1161',
            '👩‍👩‍👧',
            '\u00a0',
            '\u3000',
          ],
          ...['<|im_en', '|>', ' ignored', 'lowest', '.', '...', '\u2028'],
        ),
        { maxLength: 25 },
      )
      .map((parts) => parts.join('')),
  )
  .map((value) => value.replace(/[\u0085\ufeff\u017f\u212a]/g, ''));

describe.each(kinds)('a tokenizer.json of the kind of %s', (kind) => {
  const { folder, size } = made(kind);
  const tokenizer = Tokenizer.load(folder);

  it('encodes any text to the ids that @huggingface/tokenizers gives, the post-processor included', () => {
    const reference = theirs(folder);
    fc.assert(
      fc.property(text, (value) => {
        expect(tokenizer.encode(value)).toEqual(reference.encode(value, { add_special_tokens: false }).ids);
      }),
      { numRuns: 500 },
    );
    expect([...tokenizer.before, ...tokenizer.encode('The cat')]).toEqual(reference.encode('The cat').ids);
  });

  it('decodes what it encodes, for every string that its normalizer leaves as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (value) => {
        const normal = kind === 'qwen2' ? value.normalize('NFC') : value;
        expect(tokenizer.decode(tokenizer.encode(value))).toBe(normal);
      }),
      { numRuns: 300 },
    );
  });

  it('makes no added token out of text, whatever the text; only markup has them', () => {
    const ids = new Map(tokenizer.addedTokens.map(({ id, content }) => [content, id]));
    const names = fc.array(fc.constantFrom(...ids.keys(), 'the', ' ', '<|', '|>'));
    fc.assert(
      fc.property(names, (parts) => {
        const encoded = tokenizer.encode(parts.join(''));
        for (const id of ids.values()) expect(encoded).not.toContain(id);
        expect(tokenizer.decode(encoded)).toBe(parts.join(''));
        const found = tokenizer.encodeMarkup(parts.join('')).filter((id) => [...ids.values()].includes(id));
        expect(found).toEqual(parts.flatMap((part) => ids.get(part) ?? []));
      }),
    );
    const [first] = ids.keys();
    expect(tokenizer.encodeMarkup(`a${first}b`)).toEqual(
      theirs(folder).encode(`a${first}b`, { add_special_tokens: false }).ids,
    );
  });

  it('pads with a token of its own that is no end of a text and comes out of none', () => {
    expect(tokenizer.stopTokens).toContain(tokenizer.endOfText);
    expect(tokenizer.stopTokens).not.toContain(tokenizer.padding);
    expect(tokenizer.padding).toBeLessThan(tokenizer.vocabularySize);
    fc.assert(
      fc.property(text, (value) => {
        expect(tokenizer.encode(value)).not.toContain(tokenizer.padding);
      }),
    );
  });

  it('is saved as the kind that it is: transformers reads the same from it, and so do we', () => {
    const saved = mkdtempSync(join(root, 'saved-'));
    tokenizer.save(saved);
    const { added_tokens: before, model: modelBefore, ...was } = json(folder, 'tokenizer.json');
    const { added_tokens: after, model: modelAfter, ...is } = json(saved, 'tokenizer.json');
    expect(is).toEqual(was);
    expect(modelAfter).toEqual(modelBefore);
    expect(after.slice(0, before.length)).toEqual(before);
    const config = json(folder, 'tokenizer_config.json');
    expect(json(saved, 'tokenizer_config.json')).toMatchObject({
      tokenizer_class: config.tokenizer_class,
      model_max_length: 131072,
      eos_token: config.eos_token,
    });
    const again = Tokenizer.load(saved);
    expect(again.matches(tokenizer)).toBe(true);
    expect([again.endOfText, again.padding, again.before, again.stopTokens]).toEqual([
      tokenizer.endOfText,
      tokenizer.padding,
      tokenizer.before,
      tokenizer.stopTokens,
    ]);
    const [here, there] = [theirs(folder), theirs(saved)];
    fc.assert(
      fc.property(text, (value) => {
        expect(there.encode(value).ids).toEqual(here.encode(value).ids);
      }),
    );
    expect(tokenizer.vocabularySize - size).toBe(after.length - before.length);
  });
});

describe('the token for padding, where the files have none or name the end for it', () => {
  const paddingOf = (folder: string) => {
    const tokenizer = Tokenizer.load(folder);
    const name = tokenizer.addedTokens.find(({ id }) => id === tokenizer.padding)?.content;
    return { id: tokenizer.padding, name, size: tokenizer.vocabularySize };
  };

  it('is the one that Llama 3 reserves for it, else the last reserved one', () => {
    const { folder } = made('llama3');
    expect(paddingOf(folder).name).toBe('<|finetune_right_pad_id|>');
    const older = mkdtempSync(join(root, 'older-'));
    cpSync(folder, older, { recursive: true });
    change(older, 'tokenizer.json', (value) => ({
      ...value,
      added_tokens: (value.added_tokens as { content: string }[]).map((token) =>
        token.content === '<|finetune_right_pad_id|>' ? { ...token, content: '<|reserved_2|>' } : token,
      ),
    }));
    expect(paddingOf(older).name).toBe('<|reserved_special_token_1|>');
  });

  it('is a new token in a spare row of the embedding, declared in both files when saved', () => {
    const { folder, size } = made('smollm');
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ vocab_size: size + 1 }));
    expect(paddingOf(folder)).toEqual({ id: size, name: '<|padding|>', size: size + 1 });
    const saved = mkdtempSync(join(root, 'saved-'));
    Tokenizer.load(folder).save(saved);
    expect(json(saved, 'tokenizer.json').added_tokens.at(-1)).toMatchObject({
      id: size,
      content: '<|padding|>',
      special: true,
    });
    expect(json(saved, 'tokenizer_config.json')).toMatchObject({
      pad_token: '<|padding|>',
      added_tokens_decoder: { [size]: { content: '<|padding|>' } },
    });
  });

  it("is the token of a byte that no text holds, where the embedding is full: GPT-2's stays as it is", () => {
    const { folder, size } = made('gpt2');
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ vocab_size: size }));
    expect(paddingOf(folder)).toEqual({ id: 0xff, name: undefined, size });
    const saved = mkdtempSync(join(root, 'saved-'));
    Tokenizer.load(folder).save(saved);
    expect(json(saved, 'tokenizer_config.json').pad_token).toBe(null);
  });

  it('is what pad_token says, where that ends no text', () => {
    const { folder } = made('qwen2');
    expect(paddingOf(folder).name).toBe('<|endoftext|>');
    // Qwen2 itself, not its chat model, ends texts with <|endoftext|>.
    change(folder, 'tokenizer_config.json', (value) => ({ ...value, eos_token: '<|endoftext|>' }));
    expect(paddingOf(folder).name).toBe('<|padding|>');
  });
});

describe('roles and damage', () => {
  it('stops at every token that generation_config.json lists', () => {
    const { folder } = made('llama3');
    const id = (name: string) => theirs(folder).token_to_id(name) ?? -1;
    writeFileSync(
      join(folder, 'generation_config.json'),
      JSON.stringify({ eos_token_id: [id('<|end_of_text|>'), id('<|eot_id|>')] }),
    );
    const tokenizer = Tokenizer.load(folder);
    expect(tokenizer.stopTokens).toEqual([id('<|eot_id|>'), id('<|end_of_text|>')]);
    expect(tokenizer.beginOfText).toBe(id('<|begin_of_text|>'));
    expect(tokenizer.before).toEqual([id('<|begin_of_text|>')]);
    writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: 5000 }));
    expect(() => Tokenizer.load(folder)).toThrow('the end-of-text token 5000 of generation_config.json');
  });

  it('takes a whole word that is a token, whatever the merges say, only where the file ignores merges', () => {
    const { folder } = made('llama3');
    const ignored = json(folder, 'tokenizer.json').model.vocab.Ġignored;
    expect(Tokenizer.load(folder).encode(' ignored')).toEqual([ignored]);
    change(folder, 'tokenizer.json', (value) => ({
      ...value,
      model: { ...(value.model as object), ignore_merges: false },
    }));
    expect(Tokenizer.load(folder).encode(' ignored').length).toBeGreaterThan(1);
  });

  it('names file and key of what it does not compute', () => {
    const { folder } = made('gpt2');
    const original = json(folder, 'tokenizer.json');
    const refused = (edit: object) => () => {
      writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...original, ...edit }));
      Tokenizer.load(folder);
    };
    expect(refused({ normalizer: { type: 'Lowercase' } })).toThrow(/tokenizer\.json: normalizer/);
    expect(refused({ pre_tokenizer: { type: 'Metaspace' } })).toThrow(/tokenizer\.json: pre_tokenizer/);
    expect(refused({ pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } })).toThrow(
      'pre_tokenizer',
    );
    expect(refused({ model: { ...original.model, byte_fallback: true } })).toThrow('model.byte_fallback');
    expect(
      refused({
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: '(?<=a)\\Kb' }, behavior: 'Isolated', invert: false },
            { type: 'ByteLevel', use_regex: false },
          ],
        },
      }),
    ).toThrow(/tokenizer\.json: pre_tokenizer: the pattern .* the escape \\K is not understood/);
    expect(refused({ added_tokens: [{ id: 3, content: 'Ġthe', special: true }] })).toThrow(
      'added_tokens: Ġthe has the id 3',
    );
    expect(refused({ model: { ...original.model, vocab: { ...original.model.vocab, x: 99999 } } })).toThrow(
      'without large gaps',
    );
  });
});

describe("Oniguruma's patterns in JavaScript", () => {
  const words = (source: string, value: string) => [
    ...splitWords(value, new RegExp(translatePattern(source), 'gu')),
  ];

  it('leave ours as it is, and give the constants their meaning', () => {
    expect(translatePattern(WORD_PATTERN)).toBe(WORD_PATTERN);
    expect(
      translatePattern("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"),
    ).toBe(GPT2_WORD_PATTERN);
  });

  it('take white space as Unicode does: U+0085 is, U+FEFF is not', () => {
    expect(words('\\s+|\\S+', 'a\u0085b\ufeffc\u3000d')).toEqual(['a', '\u0085', 'b\ufeffc', '\u3000', 'd']);
    expect(words('[^\\s]+', 'a\u0085b')).toEqual(['a', '\u0085', 'b']);
  });

  it('ignore case inside (?i:…) alone, with what folds to s and k', () => {
    expect(words("(?i:'s|'ll)|.", "'S'Ll'ſ")).toEqual(["'S", "'Ll", "'ſ"]);
    expect(words('(?i:k)x', 'Kx\u212ax')).toEqual(['Kx', '\u212ax']);
    expect(words('(?i:[a-c])z|a', 'Bzabz')).toEqual(['Bz', 'a', 'bz']);
    expect(words("I(?i:'m)", "I'Mi'm")).toEqual(["I'M", "i'm"]);
    expect(words('(?i)ab', 'xABy')).toEqual(['x', 'AB', 'y']);
  });

  it('never give back what a possessive quantifier or an atomic group took', () => {
    expect(words('a++b', 'aab')).toEqual(['aab']);
    expect(words('a++a', 'aaa')).toEqual(['aaa']);
    expect([...'xaaa'.matchAll(new RegExp(translatePattern('a++a'), 'gu'))]).toEqual([]);
    expect([...'xaaa'.matchAll(new RegExp(translatePattern('(?>a*)a'), 'gu'))]).toEqual([]);
    expect([...'xaaa'.matchAll(new RegExp(translatePattern('a*+a|x?+x'), 'gu'))]).toEqual([]);
    // After braces, + repeats.
    expect(words('\\p{N}{1,3}+', '1234567')).toEqual(['1234567']);
  });

  it('end lines at \\n alone, wherever ^ and $ stand', () => {
    expect(words('^a$', 'a\nba\n\ra')).toEqual(['a', '\nba\n\ra']);
    expect(words('\\s+$|\\s', 'a  \nb  ')).toEqual(['a', '  ', '\n', 'b', '  ']);
    expect(words('.+', 'a\rb\nc')).toEqual(['a\rb', '\n', 'c']);
  });

  it('know scripts, code points and escaped signs', () => {
    expect(words('\\p{Han}+|\\P{Han}+', 'ab你好c')).toEqual(['ab', '你好', 'c']);
    expect(words('[\\x{4F60}\\-\\]]', 'a你-]')).toEqual(['a', '你', '-', ']']);
    expect(words("\\'\\-\\/", "a'-/")).toEqual(['a', "'-/"]);
    expect(words('[a{}]+|{', 'a{}b')).toEqual(['a{}', 'b']);
    expect(words('\\p{^L}+', 'ab12')).toEqual(['ab', '12']);
  });

  it('cut as Llama 3 does: contractions in any case, digits by threes, a sign before a word', () => {
    expect(words(LLAMA3_PATTERN, "I'LL pay $12345 now!!\n\n  ok")).toEqual([
      'I',
      "'LL",
      ' pay',
      ' $',
      '123',
      '45',
      ' now',
      '!!\n\n',
      ' ',
      ' ok',
    ]);
  });
});
