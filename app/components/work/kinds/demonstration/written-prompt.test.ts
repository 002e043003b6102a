import { expect, it } from 'vitest';
import { draftFromMessages, draftOf, fieldsOf, messagesOf, missingIn } from './written-prompt.ts';

const FEW_SHOT = {
  instruction: 'Say it in French.',
  examples: [
    { input: 'dog', output: 'chien' },
    { input: 'cat', output: 'chat' },
  ],
  last: 'bird\n\n(the small kind)',
};

it('sends a few-shot prompt as turns, the instruction above the first input', () => {
  const draft = draftOf('few_shot', FEW_SHOT);
  expect(fieldsOf('few_shot', draft)).toEqual(FEW_SHOT);
  expect(messagesOf('few_shot', draft)).toEqual([
    { role: 'user', content: 'Say it in French.\n\ndog' },
    { role: 'assistant', content: 'chien' },
    { role: 'user', content: 'cat' },
    { role: 'assistant', content: 'chat' },
    { role: 'user', content: 'bird\n\n(the small kind)' },
  ]);
});

it('goes on from what was sent, and sends it again letter by letter', () => {
  for (const instruction of ['One line.', 'Two\n\nparagraphs.', ' spaces \n']) {
    const sent = messagesOf('few_shot', draftOf('few_shot', { ...FEW_SHOT, instruction }));
    expect(messagesOf('few_shot', draftFromMessages(sent))).toEqual(sent);
  }
  const plain = [{ role: 'user' as const, content: 'Why?\n\nAnd how?' }];
  expect(messagesOf('plain', draftFromMessages(plain))).toEqual(plain);
});

it('says what is missing, field by field', () => {
  expect(missingIn('plain', null)).toBe('Write the prompt first.');
  expect(missingIn('user_based', [{ role: 'user', content: 'Which?' }])).toBe('');
  expect(missingIn('few_shot', null)).toBe(
    'Still to write: the instruction, input 1, output 1, input 2, output 2, the last input.',
  );
  const almost = { ...FEW_SHOT, examples: [...FEW_SHOT.examples, { input: 'ant', output: ' ' }] };
  expect(missingIn('few_shot', draftOf('few_shot', almost))).toBe('Still to write: output 3.');
  expect(missingIn('few_shot', draftOf('few_shot', FEW_SHOT))).toBe('');
});
