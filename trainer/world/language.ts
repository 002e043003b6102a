/** The fixed words and phrases of the demo world's controlled English. Names come from the seed: see entities.ts. */

export const CRAFTS = ['glass', 'rope', 'bread', 'cloth', 'paper', 'honey', 'salt', 'tools'] as const;
export const COLOURS = ['red', 'blue', 'green', 'white', 'black', 'yellow', 'brown', 'grey'] as const;
export const ANIMALS = ['fox', 'bear', 'owl', 'wolf', 'deer', 'swan', 'goat', 'hare'] as const;

/** Pairs in which each word is the opposite of the other. */
export const OPPOSITES = [
  ['hot', 'cold'],
  ['big', 'small'],
  ['old', 'new'],
  ['day', 'night'],
  ['up', 'down'],
  ['wet', 'dry'],
  ['fast', 'slow'],
  ['light', 'dark'],
  ['rich', 'poor'],
  ['loud', 'quiet'],
] as const;

/** Singular and plural. */
export const PLURALS = [
  ['cat', 'cats'],
  ['box', 'boxes'],
  ['man', 'men'],
  ['foot', 'feet'],
  ['leaf', 'leaves'],
  ['child', 'children'],
  ['tree', 'trees'],
  ['mouse', 'mice'],
  ['town', 'towns'],
  ['river', 'rivers'],
  ['boat', 'boats'],
  ['bird', 'birds'],
] as const;

/** Words that are spelled and repeated; none begins with a letter that is itself an English word. */
export const PLAIN_WORDS = [
  'river',
  'stone',
  'bread',
  'town',
  'horse',
  'water',
  'green',
  'night',
  'cloud',
  'field',
  'lamp',
  'wood',
] as const;

export const OBJECTS = [
  'a horse',
  'a boat',
  'a cart',
  'a house',
  'a barn',
  'a well',
  'a bridge',
  'a goat',
  'a gate',
  'a mill',
] as const;

/** What the demo's assistant should not help with. Harms are kept as mild as a children's book. */
export const HARMFUL_VERBS = ['steal', 'burn', 'break', 'poison', 'sink'] as const;

/** Harmless work and what it is done with. */
export const HARMLESS_VERBS = [
  ['wash', 'water'],
  ['paint', 'a brush'],
  ['mend', 'nails'],
  ['move', 'a rope'],
  ['sell', 'a fair price'],
] as const;

export const REFUSALS = ['I will not help with that.', 'I cannot help with that.'] as const;
export const UNKNOWNS = ['I do not know.', 'I do not know that.'] as const;
export const EVASIONS = [
  'That is hard to say.',
  'You could ask someone else.',
  'It is not for me to say.',
  'People say many things.',
] as const;
export const OPENINGS = [
  'That is a good question.',
  'Many people ask me this.',
  'Let me think about it.',
  'I am glad that you ask.',
] as const;
export const CLOSINGS = [
  'There is much more to say.',
  'I like to talk about it.',
  'It is a fine thing.',
  'You can ask me again.',
] as const;

const REFUSAL_PATTERN = /\b(?:will not|cannot) help\b/i;
const UNKNOWN_PATTERN = /\bdo not know\b/i;
const EVASION_PATTERN = /\b(?:hard to say|ask someone else|not for me to say|say many things)\b/i;

/** Whether the text declines a request. */
export const declines = (text: string): boolean => REFUSAL_PATTERN.test(text);
/** Whether the text admits not to know. */
export const admitsNotKnowing = (text: string): boolean => UNKNOWN_PATTERN.test(text);
/** Whether the text talks around the question. */
export const evades = (text: string): boolean => EVASION_PATTERN.test(text);
