import { readFileSync } from 'node:fs';
import { createRandom, type Random } from '@touchstone/trainer/world/random.ts';
import { createWorld } from '@touchstone/trainer/world/world.ts';

/** Texts of a kind, each given to both sides. */
export interface Sample {
  name: string;
  /** some kilobytes each */
  texts: string[];
}

/** UTF-16 units of one text. */
const TEXT = 20_000;

/**
 * What is encoded: files of real text where the environment names some (BENCH_TEXT, paths with a colon between), and
 * otherwise English of the demo world's; made-up prose; and many scripts with emoji, digits and punctuation.
 */
export function samples(): Sample[] {
  const files = (process.env.BENCH_TEXT ?? '').split(':').filter((path) => path !== '');
  const real = files.map((path) => ({
    name: path.replace(/^.*\//, ''),
    texts: cut(readFileSync(path, 'utf8')),
  }));
  const world = createWorld(1)
    .documents(8000)
    .map(({ text }) => text)
    .join('\n\n');
  return [
    ...(real.length > 0 ? real : [{ name: 'the demo world', texts: cut(world) }]),
    { name: 'made-up prose', texts: [...prose(1_000_000, 'encode')] },
    { name: 'many scripts', texts: manyScripts(50) },
  ];
}

function cut(text: string): string[] {
  const texts: string[] = [];
  for (let from = 0; from < text.length; from += TEXT) texts.push(text.slice(from, from + TEXT));
  return texts.map((part) => Buffer.from(part).toString());
}

/** Distinct words that prose can have. */
const WORDS = 1_000_000;
const SYLLABLES =
  'ka to ri ne sho lan mer thi gro un ble est an or vi da quo st pre ing a e tion ver con'.split(' ');

/**
 * About so many bytes of English-like text, a few kilobytes at a time. Its words follow Zipf's law, as those of real text
 * do (the word of rank r is met in proportion to 1/r, up to a million of them); numbers and punctuation between.
 */
export function* prose(bytes: number, seed: string): Generator<string> {
  const random = createRandom('prose', seed);
  for (let made = 0; made < bytes; ) {
    let text = '';
    while (text.length < TEXT) text += sentence(random);
    made += text.length;
    yield text;
  }
}

function sentence(random: Random): string {
  const count = 4 + random.integer(16);
  let text = '';
  for (let i = 0; i < count; i++) {
    const word = random.chance(0.02)
      ? String(random.integer(3000))
      : wordOf(Math.floor(WORDS ** random.next()));
    text += i === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : word;
    text += i === count - 1 ? '' : random.chance(0.08) ? ', ' : random.chance(0.02) ? "'s " : ' ';
  }
  return `${text}${random.chance(0.1) ? '?' : '.'}${random.chance(0.2) ? '\n\n' : ' '}`;
}

/** A word for each rank from 1 up, the frequent ones short. */
function wordOf(rank: number): string {
  let word = '';
  for (let left = rank; left > 0; left = Math.floor(left / SYLLABLES.length)) {
    word += SYLLABLES[left % SYLLABLES.length];
  }
  return word;
}

/** First and last letter of alphabets, and what stands between words. */
const ALPHABETS = [
  'az',
  'AZ',
  'àÿ',
  'ая',
  'αω',
  'את',
  'بي',
  'कह',
  'กฮ',
  'あん',
  'アン',
  '一鿿',
  '가힣',
] as const;
const BETWEEN = [
  ' ',
  ' ',
  ' ',
  ' ',
  ', ',
  '. ',
  '\n',
  '\n\n',
  ' — ',
  '… ',
  ' 12 ',
  ' 3456 ',
  ' 👩‍👩‍👧 ',
  ' 🇫🇷 ',
  '。',
  '！',
  ' $',
  '("',
];

function manyScripts(count: number): string[] {
  const random = createRandom('scripts');
  const word = (alphabet: string): string => {
    const first = alphabet.codePointAt(0) ?? 0;
    const letters = (alphabet.codePointAt(1) ?? 0) - first + 1;
    const length = 1 + random.integer(8);
    return String.fromCodePoint(...Array.from({ length }, () => first + random.integer(letters)));
  };
  // A few hundred words of each alphabet, which come again as the words of a text do.
  const lexicon = ALPHABETS.map((alphabet) => Array.from({ length: 400 }, () => word(alphabet)));
  return Array.from({ length: count }, () => {
    let text = '';
    while (text.length < TEXT / 2) {
      const words = random.pick(lexicon);
      for (let i = 0; i < 6; i++)
        text += `${words[Math.floor(words.length ** random.next())]}${random.pick(BETWEEN)}`;
    }
    return text;
  });
}
