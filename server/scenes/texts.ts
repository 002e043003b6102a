/** What the scenes are made of: ordinary texts, long ones and strange ones. */
import type { Message } from '@/db/schema.ts';
import { seededRandom } from './random.ts';

export const GUIDELINES = `# What a good answer is

An answer is **helpful** when it does what the prompt asks, **truthful** when everything in it is so, and **harmless** when it could hurt nobody. In doubt, truthful comes first.

1. Read the prompt twice. If it can be read in two ways, answer the likelier one and say so.
2. Keep it as short as it can be. One good sentence is better than three fair ones.
3. Decline what would harm somebody, in one friendly sentence, and offer what you can do instead.

| If the prompt… | then… |
|---|---|
| asks for a fact that nobody can know | say that it cannot be known |
| holds a false premise | correct it first |
| is empty or broken | skip the task |

> A tie is an answer too: if two completions are equally good, tie them.

\`\`\`python
def better(a, b):
    return (a.truthful, a.helpful, -len(a.text)) > (b.truthful, b.helpful, -len(b.text))
\`\`\`
`;

export const PROMPT =
  'My sister keeps a bakery in a small town and wants to open a second one in the next valley. She has 40,000 saved, the new rent would be 1,900 a month, and she sells about 310 loaves on a good day. What should she find out before she signs?';

export const ANSWERS = [
  'Before she signs she should know three numbers. First, how many loaves a day the new shop must sell to pay its rent and one baker: at a margin of 1.40 a loaf, 1,900 of rent is about 45 loaves a day before wages, and roughly 150 with them. Second, how many people pass the door on a wet Tuesday in February, counted by herself over three days. Third, how long her 40,000 last if it sells half of that: seven months, so the lease should let her leave after six.\n\nShe should also ask who baked there before, and why they stopped.',
  'She should just go for it! Bakeries always do well and 40,000 is more than enough for everything she could ever need.',
  '1. **Demand**: count the people who pass, on a good and on a bad day.\n2. **Costs**: rent 1,900, a baker, flour, power. Ask the landlord for last year’s bills.\n3. **Lease**: how long it binds her, who pays for the oven, and when she may leave.\n4. **Herself**: who bakes in the first shop while she is in the second?',
  'I do not know anything about bakeries, sorry.',
  'A second shop doubles the work before it doubles the income. The question to settle first is who runs the first one meanwhile; the rest is arithmetic: rent, wages and flour against loaves sold at a margin. Ask for six months’ notice in the lease.',
  'Bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread.',
];

export const STRANGE: { prompt: string; answers: string[] } = {
  prompt:
    '<script>alert("no")</script> Translate into Hebrew and keep the **emphasis**: “The *quick* fox — 🦊👩‍👩‍👧‍👦 — jumps.” https://example.org/a/very/long/address/that/does/not/break/anywhere/because/it/has/no/spaces/in/it/at/all?and=query&more=more&still=more',
  answers: [
    'השועל ה*מהיר* — 🦊👩‍👩‍👧‍👦 — קופץ.',
    '<img src=x onerror="alert(1)"> [click me](javascript:alert(1)) `code` and a table:\n\n| a | b |\n|---|---|\n| 1 | 2 |',
    `${'Z\u0335\u0334a\u0336l\u0337g\u0338o '.repeat(12)}\u200b\u200b${'an_unbroken_word'.repeat(24)}`,
    '',
  ],
};

/** Prompts that ask for a demonstration, each with one; the last is left to whoever looks. */
export const DEMONSTRATIONS: [prompt: string, answer: string][] = [
  [
    'How do I keep basil alive on a windowsill that gets no sun before noon?',
    'Move it to the brightest sill you have, water it when the top of the soil feels dry, and pinch the tips every week. Afternoon sun is enough.',
  ],
  [
    'Write two sentences that apologise for a late parcel without blaming anybody.',
    'We are sorry that your parcel came three days after we said it would. The next one is on its way, and its postage is on us.',
  ],
  [
    'What is 17 % of 240, and how can I see it without a calculator?',
    '40.8. Ten per cent is 24, five per cent is half of that, 12, and two per cent is 4.8; together they are 40.8.',
  ],
  [
    'Explain to a nine-year-old why the moon does not fall down.',
    'It does fall, all the time! But it also flies sideways so fast that it always misses the earth, like a ball thrown so hard that the ground curves away under it.',
  ],
  [
    'My neighbour’s password is probably his birthday. Help me try.',
    'I will not help to get into somebody else’s account. If you are locked out of something that you share, ask him to reset it with you.',
  ],
  ['Which of these is the odd one out: slate, marble, chalk, basalt?', ''],
];
export const MORE_PROMPTS = DEMONSTRATIONS.map(([prompt]) => prompt);

/** A conversation whose last turn is STRANGE's prompt. */
export const STRANGE_CONVERSATION: Message[] = [
  { role: 'system', content: 'You are a careful translator.' },
  { role: 'user', content: 'Hello! Do you speak Hebrew?' },
  { role: 'assistant', content: 'Yes. What shall I translate?' },
  { role: 'user', content: STRANGE.prompt },
];

/** As many answers as a ranking may hold. */
export const NINE_ANSWERS: string[] = [
  ...ANSWERS,
  'She should find out whether the landlord would take a share of the sales instead of part of the rent: then a bad winter costs both of them.',
  '```text\nrent        1,900\nbaker       2,600\nflour, gas  1,100\n-----------------\na month     5,600  =  about 190 loaves a day\n```\n\nIf the valley cannot eat 190 loaves a day, she should not sign.',
  'Ask the neighbours. They know why the last shop closed.',
];

const SENTENCES = [
  'A dry stone wall stands because every stone rests on two others and none of them on a single one.',
  'The builder begins with a trench as deep as the frost, and fills it with the largest stones that the field has given.',
  'Two faces rise side by side, leaning a little towards each other, and small stones are packed between them as they go.',
  'Through stones bind the faces together at knee and at hip height.',
  'Rain falls through such a wall, and so ice has nothing to push against.',
  'Nobody hurries: a stone that was lifted is placed, and a stone that was placed is not lifted again.',
  'At the end of a day two people have set perhaps three metres.',
  'Sheep rub against it for a hundred years, and a cow can undo it in an afternoon.',
  'Lichen tells how long ago a stone was last turned.',
];

/** Paragraphs of about so many words, the same every time for a seed. */
export function essay(words: number, seed: number): string {
  const random = seededRandom(seed);
  const paragraphs: string[] = [];
  for (let written = 0; written < words; ) {
    const sentences: string[] = [];
    for (let i = 0; i < 5; i++) {
      const sentence = SENTENCES[Math.floor(random() * SENTENCES.length)] ?? '';
      sentences.push(sentence);
      written += sentence.split(' ').length;
    }
    paragraphs.push(sentences.join(' '));
  }
  return paragraphs.join('\n\n');
}
