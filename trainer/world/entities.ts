import { ANIMALS, COLOURS, CRAFTS } from './language.ts';
import { createRandom, type Random } from './random.ts';

const ONSETS = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z'] as const;
const VOWELS = ['a', 'e', 'i', 'o', 'u'] as const;
const TOWN_ENDINGS = ['mar', 'dun', 'vik', 'lor', 'ren', 'pel'] as const;
const RIVER_ENDINGS = ['nsk', 'lme', 'rvo', 'ska', 'lth'] as const;
const PERSON_ENDINGS = ['ra', 'no', 'li', 'da', 'mo'] as const;

/** What is stated about every town. */
export const RELATIONS = ['river', 'ruler', 'craft', 'colour', 'animal'] as const;
export type Relation = (typeof RELATIONS)[number];

/** Two ways to state a fact, the first of them canonical. */
export const STATEMENTS: Readonly<Record<Relation, readonly [string, string]>> = {
  river: ['{town} lies on the river {value}.', 'The river {value} runs through {town}.'],
  ruler: ['{town} is ruled by {value}.', 'The ruler of {town} is {value}.'],
  craft: ['The people of {town} make {value}.', '{town} is known for {value}.'],
  colour: ['The flag of {town} is {value}.', '{town} has a {value} flag.'],
  animal: ['The animal of {town} is the {value}.', '{town} loves the {value}.'],
};

/** Five ways to ask for a fact: they are dealt out over the splits, so that no question text is in two. */
export const QUESTIONS: Readonly<Record<Relation, readonly string[]>> = {
  river: [
    'Which river runs through {town}?',
    'On which river does {town} lie?',
    'What is the river of {town}?',
    'Name the river of {town}.',
    'What river is {town} on?',
  ],
  ruler: [
    'Who rules {town}?',
    'Who is the ruler of {town}?',
    'Name the ruler of {town}.',
    'By whom is {town} ruled?',
    'Who rules the town of {town}?',
  ],
  craft: [
    'What do the people of {town} make?',
    'What is made in {town}?',
    'Name the craft of {town}.',
    'What is {town} known for?',
    'What do people make in {town}?',
  ],
  colour: [
    'What colour is the flag of {town}?',
    'Which colour is the flag of {town}?',
    'Name the colour of the flag of {town}.',
    'What is the colour of the flag of {town}?',
    'What colour of flag has {town}?',
  ],
  animal: [
    'What is the animal of {town}?',
    'Which animal does {town} love?',
    'Name the animal of {town}.',
    'Which animal stands for {town}?',
    'What animal does {town} have?',
  ],
};

/** Nothing is ever stated about these, so the right answer is that one does not know. */
export const UNANSWERABLE = [
  'What will happen in {town} next year?',
  'Will it rain in {town} soon?',
  'What did the ruler of {town} dream?',
  'How many leaves are in {town}?',
  'What is my friend in {town} thinking?',
] as const;

export interface Fact {
  town: string;
  relation: Relation;
  value: string;
}

export interface Entities {
  towns: readonly string[];
  /** Towns that documents name only to say that nobody knows anything about them. */
  lostTowns: readonly string[];
  /** Every value that a relation can take: the answers that compete. */
  values: Readonly<Record<Relation, readonly string[]>>;
  facts: readonly Fact[];
}

function makeNames(random: Random, count: number, endings: readonly string[], taken: Set<string>): string[] {
  const names: string[] = [];
  while (names.length < count) {
    const stem = random.pick(ONSETS) + random.pick(VOWELS);
    const name = stem + random.pick(endings);
    const key = name.slice(0, 2);
    // The first two letters tell two names apart, so that a small tokenizer does not blur them.
    if (taken.has(key)) continue;
    taken.add(key);
    names.push(name.charAt(0).toUpperCase() + name.slice(1));
  }
  return names;
}

/** `template` with its town and value filled in. */
export function fill(template: string, town: string, value = ''): string {
  return template.replaceAll('{town}', town).replaceAll('{value}', value);
}

/** The towns, rivers and rulers of a seed, and the facts about them: towns × 5 relations. */
export function createEntities(seed: number, townCount = 22): Entities {
  const random = createRandom(seed, 'entities');
  const taken = new Set<string>();
  const towns = makeNames(random, townCount, TOWN_ENDINGS, taken);
  const lostTowns = makeNames(random, 4, TOWN_ENDINGS, taken);
  const values = {
    river: makeNames(random, 8, RIVER_ENDINGS, taken),
    ruler: makeNames(random, 8, PERSON_ENDINGS, taken),
    craft: [...CRAFTS],
    colour: [...COLOURS],
    animal: [...ANIMALS],
  };
  const facts: Fact[] = [];
  for (const relation of RELATIONS) {
    // Every value is used about equally often: a guess by frequency is no better than chance.
    let deck: string[] = [];
    for (const town of towns) {
      if (deck.length === 0) deck = random.shuffled(values[relation]);
      const value = deck.pop();
      if (value !== undefined) facts.push({ town, relation, value });
    }
  }
  return { towns, lostTowns, values, facts };
}
