import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Kind, writeTokenizerOfKind } from '../tokenizer/testing/kinds.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ChatTemplate } from './chat-template.ts';
import {
  completionText,
  lastTokens,
  promptTokens,
  responseTokens,
  stopTokensOf,
  textTokens,
} from './conversation.ts';
import { encodeDemonstrations, packDemonstrations } from './demonstrations.ts';
import { CHAT_TEMPLATE, type Message, renderPrompt } from './template.ts';

const root = mkdtempSync(join(tmpdir(), 'touchstone-chat-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A template that does what Llama 3's does. */
const LLAMA3 = [
  '{{- bos_token }}',
  '{%- for message in messages %}',
  "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}",
  "{{- message['content'] | trim + '<|eot_id|>' }}",
  '{%- endfor %}',
  "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}",
].join('\n');

/** ChatML, with the system turn that Qwen2 puts before conversations without one. */
const CHATML = [
  '{% for message in messages %}',
  "{% if loop.first and message['role'] != 'system' %}{{ '<|im_start|>system\\nBe helpful.<|im_end|>\\n' }}{% endif %}",
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join('');

function loaded(kind: Kind, chatTemplate: string): Tokenizer {
  const folder = mkdtempSync(join(root, `${kind}-`));
  writeTokenizerOfKind(folder, kind, { chatTemplate });
  return Tokenizer.load(folder);
}

const llama = loaded('llama3', LLAMA3);
const qwen = loaded('qwen2', CHATML);
const idOf = (tokenizer: Tokenizer, name: string) =>
  tokenizer.addedTokens.find(({ content }) => content === name)?.id ?? -1;

describe("a checkpoint's chat template", () => {
  it("gives Llama 3's tokens: each name that it writes is one id, the text between them ordinary", () => {
    const [begin, start, end, turn] = [
      '<|begin_of_text|>',
      '<|start_header_id|>',
      '<|end_header_id|>',
      '<|eot_id|>',
    ].map((name) => idOf(llama, name));
    const text = (value: string) => llama.encode(value);
    const messages: Message[] = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: '  The cat? ' },
    ];
    const prompt = [
      ...[begin, start, ...text('system'), end, ...text('\n\nBe brief.'), turn],
      ...[start, ...text('user'), end, ...text('\n\nThe cat?'), turn],
      ...[start, ...text('assistant'), end, ...text('\n\n')],
    ];
    expect(promptTokens(messages, llama)).toEqual(prompt);
    expect(responseTokens(messages, 'On the mat.', llama)).toEqual([...text('On the mat.'), turn]);
    expect(promptTokens('Hi', llama)).toEqual(promptTokens([{ role: 'user', content: 'Hi' }], llama));
  });

  it('gives the ids that transformers gives to the rendered text, for conversations without names of tokens', () => {
    const folder = mkdtempSync(join(root, 'theirs-'));
    qwen.save(folder);
    const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const theirs = new HuggingFaceTokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
    const content = fc
      .string({ unit: 'grapheme', maxLength: 30 })
      .filter((value) => !/[\u0085\ufeff\u017f\u212a<]/.test(value));
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 4 }), content, (turns, answer) => {
        const messages = turns.map(
          (text, i): Message => ({ role: i % 2 === 0 ? 'user' : 'assistant', content: text }),
        );
        const rendered = messages.map(
          ({ role, content: text }) => `<|im_start|>${role}\n${text}<|im_end|>\n`,
        );
        const before = `<|im_start|>system\nBe helpful.<|im_end|>\n${rendered.join('')}<|im_start|>assistant\n`;
        expect(promptTokens(messages, qwen)).toEqual(theirs.encode(before).ids);
        expect(responseTokens(messages, answer, qwen)).toEqual(theirs.encode(`${answer}<|im_end|>`).ids);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps names of tokens in a message ordinary text, also where they begin in it and would end outside', () => {
    const names = [
      ...qwen.addedTokens.map(({ content }) => content),
      '<|im_',
      '<',
      '|',
      '<|im_end|',
      '>',
      ' hi ',
      '\ufdd0',
    ];
    const special = new Set(qwen.addedTokens.map(({ id }) => id));
    const only = (tokens: number[]) => tokens.filter((token) => special.has(token));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...names), { maxLength: 8 }), (parts) => {
        const content = parts.join('');
        const prompt = promptTokens(content, qwen);
        expect(only(prompt)).toEqual(only(promptTokens('harmless', qwen)));
        expect(qwen.decode(prompt)).toBe(`system\nBe helpful.\nuser\n${content}\nassistant\n`);
        const response = responseTokens('a', content, qwen);
        expect(only(response)).toEqual([qwen.endOfText]);
        expect(qwen.decode(response)).toBe(content);
      }),
      { numRuns: 300 },
    );
  });

  it('lets SFT learn the answer and the token that ends the turn, and nothing else', () => {
    const { examples } = encodeDemonstrations([{ prompt: 'Who sat?', completion: 'The cat.' }], qwen, 100);
    const [example] = examples;
    const answer = [...qwen.encode('The cat.'), idOf(qwen, '<|im_end|>')];
    expect(example?.response).toEqual(answer);
    const batch = packDemonstrations(examples, 99, qwen.padding);
    const learned = [...batch.targets].filter((_, cell) => batch.weights[cell] === 1);
    expect(learned).toEqual(answer);
    // The line's end after the turn is written by the template, never by the model.
    expect(
      qwen.decode(
        promptTokens(
          [
            { role: 'user', content: 'a' },
            { role: 'assistant', content: 'b' },
            { role: 'user', content: 'c' },
          ],
          qwen,
        ),
      ),
    ).toContain('b\nuser\n');
  });

  it('ends generation at the token that ends the turn, even where another one ends texts', () => {
    const folder = mkdtempSync(join(root, 'base-'));
    writeTokenizerOfKind(folder, 'llama3', { chatTemplate: LLAMA3 });
    const file = join(folder, 'tokenizer_config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...config, eos_token: '<|end_of_text|>' }));
    const base = Tokenizer.load(folder);
    expect(stopTokensOf(base)).toEqual([idOf(base, '<|end_of_text|>'), idOf(base, '<|eot_id|>')]);
    expect(responseTokens('a', 'b', base).at(-1)).toBe(idOf(base, '<|eot_id|>'));
    expect(stopTokensOf(qwen)).toEqual([idOf(qwen, '<|im_end|>')]);
  });

  it('that ends no turn gets the end-of-text token; one that asks for the date gets none', () => {
    const plain = loaded(
      'qwen2',
      "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
    );
    expect(responseTokens('a', 'b', plain)).toEqual([...plain.encode('b\n'), plain.endOfText]);
    const dated = loaded(
      'qwen2',
      `{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}fixed{% endif %}${CHATML}`,
    );
    expect(dated.decode(promptTokens('a', dated))).toBe('fixedsystem\nBe helpful.\nuser\na\nassistant\n');
  });

  it('that cannot say which part is the answer, or refuses a conversation, is told in one sentence', () => {
    const turned = loaded(
      'qwen2',
      "{% if add_generation_prompt %}Q{% else %}A{% endif %}{{ messages[0]['content'] }}",
    );
    expect(() => promptTokens('a', turned)).toThrow(
      /^The tokenizer's chat template writes a conversation with its answer \("Aa"…\) otherwise than the prompt before it \("Qa"…\)/,
    );
    const strict = loaded(
      'qwen2',
      `{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}${CHATML}`,
    );
    expect(() =>
      promptTokens(
        [
          { role: 'system', content: 'x' },
          { role: 'user', content: 'y' },
        ],
        strict,
      ),
    ).toThrow("The tokenizer's chat template refuses a conversation of system, user (no system turns).");
    expect(() => promptTokens('a', loaded('qwen2', '{% for %}'))).toThrow('chat template cannot be read');
  });

  it('is ours where a checkpoint has none, after what its post-processor puts before a text', () => {
    const folder = mkdtempSync(join(root, 'none-'));
    writeTokenizerOfKind(folder, 'llama3');
    const bare = Tokenizer.load(folder);
    const begin = idOf(bare, '<|begin_of_text|>');
    expect(promptTokens('Who?', bare)).toEqual([begin, ...bare.encode('Question: Who?\nAnswer:')]);
    expect(responseTokens('Who?', 'The cat', bare)).toEqual([...bare.encode(' The cat'), bare.endOfText]);
    expect(textTokens('', bare)).toEqual([begin]);
    expect(lastTokens([begin, 1, 2, 3, 4], 3, bare)).toEqual([begin, 3, 4]);
    expect(lastTokens([9, 1, 2, 3, 4], 3, bare)).toEqual([2, 3, 4]);
    expect(completionText(' x', bare)).toBe('x');
    expect(completionText(' x', qwen)).toBe(' x');
    const saved = mkdtempSync(join(root, 'saved-'));
    bare.save(saved);
    expect(Tokenizer.load(saved).chatTemplate).toBe(null);
    expect(JSON.parse(readFileSync(join(saved, 'tokenizer_config.json'), 'utf8')).chat_template).toBe(
      CHAT_TEMPLATE,
    );
    qwen.save(saved);
    expect(Tokenizer.load(saved).chatTemplate).toBe(CHATML);
  });

  it('of chat_template.jinja goes before the one of tokenizer_config.json, "default" before other names', () => {
    const folder = mkdtempSync(join(root, 'jinja-'));
    writeTokenizerOfKind(folder, 'qwen2', { chatTemplate: 'older' });
    writeFileSync(join(folder, 'chat_template.jinja'), CHATML);
    expect(Tokenizer.load(folder).chatTemplate).toBe(CHATML);
    rmSync(join(folder, 'chat_template.jinja'));
    const file = join(folder, 'tokenizer_config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    const named = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: LLAMA3 },
    ];
    writeFileSync(file, JSON.stringify({ ...config, chat_template: named }));
    expect(Tokenizer.load(folder).chatTemplate).toBe(LLAMA3);
  });

  it('ours as a Jinja template writes what renderPrompt writes', () => {
    const template = new ChatTemplate(CHAT_TEMPLATE, qwen);
    const turn = fc.record({
      role: fc.constantFrom<Message['role']>('system', 'user', 'assistant'),
      content: fc.string({ unit: 'grapheme', maxLength: 12 }),
    });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 5 }), (messages) => {
        expect(template.prompt(messages)).toEqual(qwen.encode(renderPrompt(messages)));
      }),
    );
    expect(template.response([{ role: 'user', content: 'a' }], 'b')).toEqual([
      ...qwen.encode(' b'),
      qwen.endOfText,
    ]);
  });
});
