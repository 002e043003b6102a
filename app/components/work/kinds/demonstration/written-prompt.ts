import { FEWEST_EXAMPLES } from '@/server/labeling/kinds/demonstration/vocabulary.ts';
import type { Draft, LabelContent, Subject } from '../kind.ts';

type Message = NonNullable<Extract<LabelContent, { kind: 'demonstration' }>['prompt']>[number];
type PromptForm = NonNullable<Subject['brief']>['form'];
type DraftPrompt = Extract<Draft, { kind: 'demonstration' }>['prompt'];

/** A prompt as its form shows it; `examples` is empty and `last` unused but in a few-shot prompt. */
export interface WrittenPrompt {
  instruction: string;
  examples: { input: string; output: string }[];
  last: string;
}

/*
 * In the draft of a few-shot prompt the instruction is a turn of its own (`system`), so that its fields stay apart. When
 * it is sent it stands above the first input, in the person's turn, as the model will read it.
 */

/** The fields of a drafted prompt. */
export function fieldsOf(form: PromptForm, prompt: DraftPrompt): WrittenPrompt {
  const turns = prompt ?? [];
  if (form !== 'few_shot') return { instruction: turns[0]?.content ?? '', examples: [], last: '' };
  const [first, ...rest] = turns[0]?.role === 'system' ? turns : [undefined, ...turns];
  const examples = [];
  for (let i = 0; i + 1 < rest.length; i += 2) {
    examples.push({ input: rest[i]?.content ?? '', output: rest[i + 1]?.content ?? '' });
  }
  while (examples.length < FEWEST_EXAMPLES) examples.push({ input: '', output: '' });
  return {
    instruction: first?.content ?? '',
    examples,
    last: rest.length % 2 === 1 ? (rest.at(-1)?.content ?? '') : '',
  };
}

/** The prompt that a draft keeps. */
export function draftOf(form: PromptForm, { instruction, examples, last }: WrittenPrompt): Message[] {
  if (form !== 'few_shot') return [{ role: 'user', content: instruction }];
  return [{ role: 'system', content: instruction }, ...turnsOf(examples, last)];
}

/** The conversation that is sent. */
export function messagesOf(form: PromptForm, prompt: DraftPrompt): Message[] {
  const fields = fieldsOf(form, prompt);
  if (form !== 'few_shot') return draftOf(form, fields);
  const [first, ...rest] = turnsOf(fields.examples, fields.last);
  return [{ role: 'user', content: `${fields.instruction}\n\n${first?.content ?? ''}` }, ...rest];
}

/**
 * The draft that a conversation, sent once, goes on from. Where an instruction of several paragraphs was parted from its
 * input is not known any more: all but the first paragraph is shown as input then, and sent the same.
 */
export function draftFromMessages(messages: Message[]): Message[] {
  const [first, ...rest] = messages;
  if (first?.role !== 'user' || rest.length === 0) return messages;
  const end = first.content.indexOf('\n\n');
  return [
    { role: 'system', content: end === -1 ? first.content : first.content.slice(0, end) },
    { role: 'user', content: end === -1 ? '' : first.content.slice(end + 2) },
    ...rest,
  ];
}

/** What a prompt still lacks; empty when nothing. */
export function missingIn(form: PromptForm, prompt: DraftPrompt): string {
  const { instruction, examples, last } = fieldsOf(form, prompt);
  if (form !== 'few_shot') return instruction.trim() === '' ? 'Write the prompt first.' : '';
  const lacks = [
    ...(instruction.trim() === '' ? ['the instruction'] : []),
    ...examples.flatMap(({ input, output }, index) => [
      ...(input.trim() === '' ? [`input ${index + 1}`] : []),
      ...(output.trim() === '' ? [`output ${index + 1}`] : []),
    ]),
    ...(last.trim() === '' ? ['the last input'] : []),
  ];
  return lacks.length === 0 ? '' : `Still to write: ${lacks.join(', ')}.`;
}

function turnsOf(examples: WrittenPrompt['examples'], last: string): Message[] {
  return [
    ...examples.flatMap(({ input, output }): Message[] => [
      { role: 'user', content: input },
      { role: 'assistant', content: output },
    ]),
    { role: 'user', content: last },
  ];
}
