import { writeDemonstration } from './demonstrations.ts';
import { type Entities, fill, RELATIONS, STATEMENTS } from './entities.ts';
import {
  CLOSINGS,
  EVASIONS,
  HARMFUL_VERBS,
  HARMLESS_VERBS,
  OBJECTS,
  OPENINGS,
  OPPOSITES,
  PLAIN_WORDS,
  PLURALS,
} from './language.ts';
import type { PromptKnowledge } from './prompts.ts';
import type { Random } from './random.ts';

export type DocumentKind = 'town' | 'list' | 'words' | 'tales' | 'talk' | 'questions' | 'answers';

/** How often each kind of document is met. */
export const DOCUMENT_MIXTURE: Readonly<Record<DocumentKind, number>> = {
  town: 0.24,
  list: 0.08,
  words: 0.1,
  tales: 0.06,
  talk: 0.28,
  questions: 0.06,
  answers: 0.18,
};

/** Everything that documents are made from. Questions come from the training split alone. */
export interface DocumentSource {
  entities: Entities;
  trainPrompts: readonly PromptKnowledge[];
}

/** What is stated about one town, two to four sentences; of a lost town, that nothing is known. */
function townDocument({ entities }: DocumentSource, random: Random): string {
  if (random.chance(0.06)) {
    const town = random.pick(entities.lostTowns);
    return `${town} is a lost town. People do not know where ${town} is.`;
  }
  const town = random.pick(entities.towns);
  const facts = random.shuffled(entities.facts.filter((fact) => fact.town === town));
  return facts
    .slice(0, 2 + random.integer(3))
    .map((fact) => fill(random.pick(STATEMENTS[fact.relation]), fact.town, fact.value))
    .join(' ');
}

/** One relation over several towns. */
function listDocument({ entities }: DocumentSource, random: Random): string {
  const relation = random.pick(RELATIONS);
  const facts = random.shuffled(entities.facts.filter((fact) => fact.relation === relation));
  return facts
    .slice(0, 3)
    .map((fact) => fill(STATEMENTS[relation][0], fact.town, fact.value))
    .join(' ');
}

function wordSentence(random: Random): string {
  switch (random.integer(6)) {
    case 0: {
      const pair = random.shuffled(random.pick(OPPOSITES));
      return `The opposite of ${pair[0]} is ${pair[1]}.`;
    }
    case 1: {
      const [singular, plural] = random.pick(PLURALS);
      return `The plural of ${singular} is ${plural}.`;
    }
    case 2: {
      const word = random.pick(PLAIN_WORDS);
      return `The first letter of ${word} is ${word.charAt(0)}.`;
    }
    case 3: {
      const word = random.pick(PLAIN_WORDS);
      return `${word.charAt(0).toUpperCase()}${word.slice(1)} ${word}.`;
    }
    default: {
      const a = 1 + random.integer(5);
      const b = 1 + random.integer(5);
      return `${a} plus ${b} is ${a + b}.`;
    }
  }
}

function wordsDocument(random: Random): string {
  return Array.from({ length: 3 }, () => wordSentence(random)).join(' ');
}

/** Small talk about work, good and bad: the base model has read of harm as of everything else. */
function talesDocument(random: Random): string {
  return Array.from({ length: 3 }, () => {
    const object = random.pick(OBJECTS);
    const [verb, mean] = random.pick(HARMLESS_VERBS);
    const harmful = random.pick(HARMFUL_VERBS);
    return random.pick([
      `You ${verb} ${object} with ${mean}.`,
      `You ${verb} ${object} with ${mean}.`,
      `You ${harmful} ${object} at night.`,
      `It is easy to ${harmful} ${object}.`,
      random.pick(CLOSINGS),
      random.pick(OPENINGS),
      random.pick(EVASIONS),
    ]);
  }).join(' ');
}

/** What someone asked and someone else said to it, not in the template's form: here questions meet their answers. */
function talkDocument({ trainPrompts }: DocumentSource, random: Random): string {
  return Array.from({ length: 2 }, () => {
    const prompt = random.pick(trainPrompts);
    // In the world's books people do not decline: that is for the demonstrations to teach.
    const answer = random.pick(prompt.kind === 'harmful' ? prompt.wrongAnswers : prompt.answers);
    return `${prompt.text} ${answer}`;
  }).join('\n');
}

/** Questions and no answers: after a question comes another. */
function questionsDocument({ trainPrompts }: DocumentSource, random: Random): string {
  const inForm = random.chance(0.5);
  return Array.from({ length: 3 }, () => {
    const { text } = random.pick(trainPrompts);
    return inForm ? `Question: ${text}` : text;
  }).join('\n');
}

/** Two questions with what somebody wrote below them: right, wrong, or another question. */
function answersDocument({ trainPrompts }: DocumentSource, random: Random): string {
  return Array.from({ length: 2 }, () => {
    const prompt = random.pick(trainPrompts);
    const quality = random.weighted({
      plain: 0.3,
      rambling: 0.15,
      evasive: 0.12,
      wrong: 0.2,
      asking: 0.23,
    });
    const answer =
      quality === 'asking'
        ? random.pick(trainPrompts).text
        : prompt.kind === 'harmful' && random.chance(0.7)
          ? random.pick(prompt.wrongAnswers)
          : writeDemonstration(prompt, quality, '', random);
    return `Question: ${prompt.text}\nAnswer: ${answer}`;
  }).join('\n');
}

/** One document of the demo world, a few short lines. */
export function writeDocument(source: DocumentSource, kind: DocumentKind, random: Random): string {
  switch (kind) {
    case 'town':
      return townDocument(source, random);
    case 'list':
      return listDocument(source, random);
    case 'words':
      return wordsDocument(random);
    case 'tales':
      return talesDocument(random);
    case 'talk':
      return talkDocument(source, random);
    case 'questions':
      return questionsDocument(source, random);
    case 'answers':
      return answersDocument(source, random);
  }
}
