import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ChatTemplate } from './chat-template.ts';
import { type Message, type Prompt, parseResponse, renderPrompt, renderResponse } from './template.ts';

// How prompts and answers become tokens: by the chat template that the tokenizer carries, or else by ours.

const templates = new WeakMap<Tokenizer, ChatTemplate>();

/** The tokenizer's own template; null where ours holds. */
function templateOf(tokenizer: Tokenizer): ChatTemplate | null {
  if (tokenizer.chatTemplate === null) return null;
  const known = templates.get(tokenizer);
  if (known) return known;
  const template = new ChatTemplate(tokenizer.chatTemplate, tokenizer);
  templates.set(tokenizer, template);
  return template;
}

function messagesOf(prompt: Prompt): Message[] {
  return typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
}

/** The tokens that a model reads before it answers. */
export function promptTokens(prompt: Prompt, tokenizer: Tokenizer): number[] {
  const template = templateOf(tokenizer);
  if (template) return template.prompt(messagesOf(prompt));
  return [...tokenizer.before, ...tokenizer.encode(renderPrompt(prompt))];
}

/** The tokens of an answer, ending with the one that ends it. */
export function responseTokens(prompt: Prompt, completion: string, tokenizer: Tokenizer): number[] {
  const template = templateOf(tokenizer);
  if (template) return template.response(messagesOf(prompt), completion);
  return [...tokenizer.encode(renderResponse(completion)), tokenizer.endOfText];
}

/** The completion in an answer's text: without what the template puts before it. */
export function completionText(text: string, tokenizer: Tokenizer): string {
  return tokenizer.chatTemplate === null ? parseResponse(text) : text;
}

/** The tokens after which an answer is at its end: those that end a text, and the one that ends the assistant's turn. */
export function stopTokensOf(tokenizer: Tokenizer): number[] {
  const template = templateOf(tokenizer);
  return [...new Set([...tokenizer.stopTokens, ...(template ? [template.endOfTurn] : [])])];
}

/** The tokens of a text to go on from, outside of any template; never none, as a model needs something to read. */
export function textTokens(text: string, tokenizer: Tokenizer): number[] {
  const tokens = [...tokenizer.before, ...tokenizer.encode(text)];
  return tokens.length > 0 ? tokens : [tokenizer.endOfText];
}

/** The last `room` tokens; the token that a text begins with keeps its place before them. */
export function lastTokens(tokens: readonly number[], room: number, tokenizer: Tokenizer): number[] {
  if (tokens.length <= room) return [...tokens];
  const [first] = tokens;
  const begins = first !== undefined && room > 1 && first === tokenizer.beginOfText;
  return begins ? [first, ...tokens.slice(1 - room)] : tokens.slice(-room);
}
