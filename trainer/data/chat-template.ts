import { Template } from '@huggingface/jinja';
import { messageOf, TrainerError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Message } from './template.ts';

/** Noncharacters (Unicode 15, section 23.7), which no text that is exchanged contains. */
const MARKS = Array.from({ length: 32 }, (_, i) => String.fromCodePoint(0xfdd0 + i));

/**
 * The Jinja template that a tokenizer carries, as transformers renders it: the tokens of conversations.
 *
 * Tokens that the template itself writes become their ids; their names inside a message stay ordinary text. For that
 * each name in a message is broken by a mark, which is taken out again when the text between the tokens is encoded.
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokenizer: Tokenizer;
  readonly #special: ReadonlySet<number>;
  readonly #variables: Record<string, string>;
  /** the token that ends the assistant's turns */
  readonly endOfTurn: number;

  /** @throws TrainerError when the template cannot be read, or not tell an answer from what stands before it */
  constructor(source: string, tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#special = new Set(tokenizer.addedTokens.filter(({ special }) => special).map(({ id }) => id));
    const nameOf = new Map(tokenizer.addedTokens.map(({ id, content }) => [id, content]));
    const roles: [string, number | null][] = [
      ['bos_token', tokenizer.beginOfText],
      ['eos_token', tokenizer.endOfText],
      ['pad_token', tokenizer.padding],
    ];
    this.#variables = Object.fromEntries(
      roles.flatMap(([role, id]) => {
        const name = id === null ? undefined : nameOf.get(id);
        return name === undefined ? [] : [[role, name]];
      }),
    );
    try {
      // Today's date would make a run another one tomorrow: templates that ask for it have a fixed one for its lack.
      this.#template = new Template(`{% set strftime_now = an_undefined_name %}${source}`);
    } catch (cause) {
      throw new TrainerError(`The tokenizer's chat template cannot be read (${messageOf(cause)}).`, {
        cause,
      });
    }
    this.endOfTurn = this.response([{ role: 'user', content: 'a' }], 'b').at(-1) ?? tokenizer.endOfText;
  }

  /** The tokens that a model reads before it answers, the beginning of its turn included. */
  prompt(messages: readonly Message[]): number[] {
    const mark = this.#markFor(messages);
    return this.#tokenizer.encodeMarkup(this.#render(this.#marked(messages, mark), true), mark);
  }

  /**
   * The tokens of the assistant's answer as they follow `prompt`, up to and with the token that ends its turn; where
   * the template writes none, the end-of-text token. What the template writes after that (a line's end) no model has to
   * write, so it is left out.
   * @throws TrainerError when the template writes the prompt otherwise once there is an answer
   */
  response(messages: readonly Message[], completion: string): number[] {
    const whole: Message[] = [...messages, { role: 'assistant', content: completion }];
    const mark = this.#markFor(whole);
    const marked = this.#marked(whole, mark);
    const before = this.#render(marked.slice(0, -1), true);
    const all = this.#render(marked, false);
    if (!all.startsWith(before)) {
      throw new TrainerError(
        `The tokenizer's chat template writes a conversation with its answer (${JSON.stringify(all.slice(0, 80))}…) otherwise than the prompt before it (${JSON.stringify(before.slice(0, 80))}…): expected the prompt as its beginning, or it cannot be told what is to be learned.`,
      );
    }
    const tokens = this.#tokenizer.encodeMarkup(all.slice(before.length), mark);
    const end = this.#endOf(tokens);
    return end < 0 ? [...tokens, this.#tokenizer.endOfText] : tokens.slice(0, end + 1);
  }

  /** Where the turn ends: the first special token after which nothing but white space and special tokens come; or -1. */
  #endOf(tokens: readonly number[]): number {
    let end = -1;
    for (let i = tokens.length - 1; i >= 0; i--) {
      const token = tokens[i] ?? 0;
      if (this.#special.has(token)) end = i;
      else if (this.#tokenizer.decode([token]).trim() !== '') break;
    }
    return end;
  }

  #render(messages: readonly Message[], addGenerationPrompt: boolean): string {
    try {
      return this.#template.render({
        ...this.#variables,
        messages,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      const roles = messages.map(({ role }) => role).join(', ');
      throw new TrainerError(
        `The tokenizer's chat template refuses a conversation of ${roles} (${messageOf(cause)}).`,
        { cause },
      );
    }
  }

  #markFor(messages: readonly Message[]): string {
    const mark = MARKS.find((one) => messages.every(({ content }) => !content.includes(one)));
    if (mark !== undefined) return mark;
    throw new TrainerError('A conversation holds all of the noncharacters from U+FDD0 to U+FDEF.');
  }

  #marked(messages: readonly Message[], mark: string): Message[] {
    return messages.map(({ role, content }) => ({ role, content: this.#breakNames(content, mark) }));
  }

  /** Sets the mark after the first character of each name, and of a name's beginning at the end of the text. */
  #breakNames(content: string, mark: string): string {
    const places = new Set<number>();
    for (const { content: name } of this.#tokenizer.addedTokens) {
      for (let at = content.indexOf(name); at >= 0; at = content.indexOf(name, at + 1)) places.add(at);
      for (let length = Math.min(name.length - 1, content.length); length > 0; length--) {
        if (content.endsWith(name.slice(0, length))) places.add(content.length - length);
      }
    }
    if (places.size === 0) return content;
    let out = '';
    let from = 0;
    for (const at of [...places].sort((a, b) => a - b)) {
      const first = String.fromCodePoint(content.codePointAt(at) ?? 0);
      const to = at + first.length;
      if (to <= from) continue;
      out += content.slice(from, to) + mark;
      from = to;
    }
    return out + content.slice(from);
  }
}
