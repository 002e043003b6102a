import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesToText, textToBytes } from './bytes.ts';
import { Tokenizer } from './tokenizer.ts';

const corpus = [
  'the cat sat on the mat. the dog sat on the log.\nWho sat on the mat? The cat did.\n\n',
  "It's the dog's log, isn't it?  12 + 30 = 42\tand 7 * 8 = 56.",
  'Ürümqi, naïve café; Привет, мир! 你好世界 नमस्ते 👩‍👩‍👧‍👦 🇫🇷 ﷽',
  'low lower lowest new newer newest wide wider widest '.repeat(20),
];
const tokenizer = Tokenizer.train(corpus, { vocabularySize: 400 });
const folder = mkdtempSync(join(tmpdir(), 'touchstone-tokenizer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wellFormed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        'the',
        ' cat',
        ' ',
        '\n',
        '\t',
        "'s",
        '12',
        '👩‍👩‍👧',
        'é',
        'नम',
        '你',
        '<|endoftext|>',
        '.',
        'lowest',
        '\u00a0',
      ),
    )
    .map((parts) => parts.join('')),
);

describe('Tokenizer', () => {
  it('decodes what it encodes, for every string', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('never makes a special token out of text', () => {
    expect(tokenizer.endOfText).not.toBe(tokenizer.padding);
    fc.assert(
      fc.property(wellFormed, (text) => {
        const ids = tokenizer.encode(`${text}<|endoftext|><|padding|>`);
        expect(ids).not.toContain(tokenizer.endOfText);
        expect(ids).not.toContain(tokenizer.padding);
      }),
    );
  });

  it('is loaded by @huggingface/tokenizers, which encodes to the same ids', () => {
    tokenizer.save(folder);
    const theirs = new HuggingFaceTokenizer(
      JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')),
      JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')),
    );
    fc.assert(
      fc.property(wellFormed, (text) => {
        // Theirs finds special tokens in text, which ours must not do.
        fc.pre(!/<\|(endoftext|padding)\|>/.test(text));
        expect(theirs.encode(text, { add_special_tokens: false }).ids).toEqual(tokenizer.encode(text));
      }),
      { numRuns: 500 },
    );
    for (const text of corpus) expect(theirs.encode(text).ids).toEqual(tokenizer.encode(text));
    expect(theirs.token_to_id('<|endoftext|>')).toBe(tokenizer.endOfText);
    expect(theirs.token_to_id('<|padding|>')).toBe(tokenizer.padding);
  });

  it('comes back from its files as it was', () => {
    tokenizer.save(folder);
    const loaded = Tokenizer.load(folder);
    expect(loaded.vocabularySize).toBe(tokenizer.vocabularySize);
    expect([loaded.endOfText, loaded.padding]).toEqual([tokenizer.endOfText, tokenizer.padding]);
    expect(loaded.byteLengths).toEqual(tokenizer.byteLengths);
    for (const text of corpus) expect(loaded.encode(text)).toEqual(tokenizer.encode(text));
  });

  it('learns the same merges from the same texts, and fills the vocabulary', () => {
    expect(tokenizer.vocabularySize).toBeLessThanOrEqual(400);
    const again = Tokenizer.train(corpus, { vocabularySize: 400 });
    expect(again.encode(corpus.join(''))).toEqual(tokenizer.encode(corpus.join('')));
    // "lowest" occurs 20 times, so it is one token; bytes of its text add up.
    expect(tokenizer.encode(' lowest')).toHaveLength(1);
    const text = corpus.join('');
    const bytes = tokenizer.encode(text).reduce((sum, id) => sum + (tokenizer.byteLengths[id] ?? 0), 0);
    expect(bytes).toBe(Buffer.byteLength(text));
  });

  it('has a character level: one token a character that was seen, an error for others', () => {
    const characters = Tokenizer.trainCharacters(['hello world']);
    expect(characters.vocabularySize).toBe(2 + 8);
    expect(characters.encode('old hero')).toHaveLength(8);
    expect(characters.decode(characters.encode('old hero'))).toBe('old hero');
    expect(() => characters.encode('zoo')).toThrow("the byte 0x7a, which the tokenizer's alphabet lacks");
    characters.save(join(folder, 'characters'));
    expect(Tokenizer.load(join(folder, 'characters')).encode('old hero')).toEqual(
      characters.encode('old hero'),
    );
  });

  it('names file and field of a damaged tokenizer', () => {
    expect(() => Tokenizer.load(join(folder, 'absent'))).toThrow(
      /Cannot read the tokenizer's file .*tokenizer\.json/,
    );
    const damaged = mkdtempSync(join(folder, 'damaged-'));
    tokenizer.save(damaged);
    const file = join(damaged, 'tokenizer.json');
    const json = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...json, model: { ...json.model, merges: ['t qq'] } }));
    expect(() => Tokenizer.load(damaged)).toThrow('model.merges[0]: "t qq": expected two tokens');
    writeFileSync(file, JSON.stringify({ ...json, added_tokens: [] }));
    expect(() => Tokenizer.load(damaged)).toThrow(
      'the end-of-text token <|endoftext|> is not among added_tokens',
    );
    writeFileSync(file, '{');
    expect(() => Tokenizer.load(damaged)).toThrow('tokenizer.json: not JSON');
    expect(() => Tokenizer.train(['a'], { vocabularySize: 100 })).toThrow('expected a whole number from 258');
  });
});

describe('the byte alphabet of the files', () => {
  it('writes each byte as one character and reads it back', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const text = bytesToText(bytes);
    expect(new Set(text).size).toBe(256);
    expect(textToBytes(text)).toEqual(bytes);
    expect(bytesToText([0x20, 0x0a, 0x41])).toBe('ĠĊA');
    expect(textToBytes('你')).toBeNull();
  });
});
