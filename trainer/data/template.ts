import { z } from 'zod';

/** One turn of a conversation. */
export const messageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string(),
});

export type Message = z.infer<typeof messageSchema>;

/** A prompt: a user's single request, or a conversation whose last turn awaits an answer. */
export const promptSchema = z.union([z.string(), z.array(messageSchema).min(1)]);

export type Prompt = z.infer<typeof promptSchema>;

const QUESTION = 'Question: ';
const ANSWER = 'Answer:';

/**
 * The text that a model reads before it answers: `Question: …\nAnswer:`. Earlier turns stand before it, each question
 * and each answer on lines of their own; a system turn stands as a line of its own. The one place that knows this
 * form, besides `CHAT_TEMPLATE`, which says the same to transformers.
 */
export function renderPrompt(prompt: Prompt): string {
  if (typeof prompt === 'string') return `${QUESTION}${prompt}\n${ANSWER}`;
  let text = '';
  for (const { role, content } of prompt) {
    if (role === 'system') text += `${content}\n`;
    else if (role === 'user') text += `${QUESTION}${content}\n${ANSWER}`;
    else text += ` ${content}\n`;
  }
  // After an assistant's turn, the next answer continues without a question of its own.
  return prompt.at(-1)?.role === 'user' ? text : `${text}${ANSWER}`;
}

/** The text of an answer as it follows a rendered prompt, without the end-of-text token. */
export function renderResponse(completion: string): string {
  return ` ${completion}`;
}

/** A completion's text out of generated text: without the space that `renderResponse` put before it. */
export function parseResponse(text: string): string {
  return text.startsWith(' ') ? text.slice(1) : text;
}

/**
 * The same form as a Jinja template for `tokenizer_config.json`: with `add_generation_prompt`, `renderPrompt`; a
 * conversation that ends with an answer gets the end-of-text token after it, as the model learned it.
 */
export const CHAT_TEMPLATE = [
  '{%- for message in messages -%}',
  "{%- if message['role'] == 'system' -%}{{ message['content'] + '\\n' }}",
  `{%- elif message['role'] == 'user' -%}{{ '${QUESTION}' + message['content'] + '\\n${ANSWER}' }}`,
  "{%- else -%}{{ ' ' + message['content'] }}",
  "{%- if loop.last and not add_generation_prompt -%}{{ eos_token }}{%- else -%}{{ '\\n' }}{%- endif -%}",
  '{%- endif -%}',
  '{%- endfor -%}',
  `{%- if add_generation_prompt and messages[-1]['role'] != 'user' -%}{{ '${ANSWER}' }}{%- endif -%}`,
].join('');
