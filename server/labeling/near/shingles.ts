/** Words in one shingle. */
const WIDTH = 3;
/** Texts of fewer words than this say too little to be told apart: every “No.” is like every other. */
export const FEWEST_WORDS = 8;

/** A bit more than half of the shingles shared: what an edited copy has, and two texts on one subject have not. */
export const NEARLY_THE_SAME = 0.5;

const BANDS = 32;
const ROWS = 3;

// Scripts written without spaces: each sign is a word. Everywhere else, letters, marks and digits in a row are.
const WORD =
  /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}]|(?:(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}])[\p{L}\p{M}\p{N}])+/gu;

/** The words of a text as they are compared: without case, marks between them, and compatibility forms. */
export function wordsOf(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().match(WORD) ?? [];
}

/**
 * The w-shingles of a text (Broder 1997), hashed to 32 bits: every three words in a row, once.
 * A shorter text is one shingle.
 */
export function shinglesOf(text: string): Set<number> {
  const words = wordsOf(text);
  const shingles = new Set<number>();
  for (let i = 0; i < Math.max(1, words.length - WIDTH + 1); i++) {
    shingles.add(hash(words.slice(i, i + WIDTH).join(' ')));
  }
  return shingles;
}

/** The share of shingles that two texts have in common, of all that either has: 0 to 1 (Jaccard). */
export function similarity(a: Set<number>, b: Set<number>): number {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  let shared = 0;
  for (const shingle of small) if (large.has(shingle)) shared++;
  return shared / (a.size + b.size - shared);
}

/**
 * MinHash in bands (Broder 1997; Indyk and Motwani 1998): 32 numbers of three minima each. Two texts share one of them with
 * probability 1 − (1 − s³)³², where s is their similarity: 99 % at a half, 0.4 % at a twentieth.
 */
export function bandsOf(shingles: Set<number>): number[] {
  const minima = new Uint32Array(BANDS * ROWS).fill(0xffffffff);
  for (const shingle of shingles) {
    for (let i = 0; i < minima.length; i++) {
      const value = mix(shingle ^ Math.imul(i + 1, 0x9e3779b9));
      if (value < (minima[i] ?? 0)) minima[i] = value;
    }
  }
  return Array.from({ length: BANDS }, (_, band) => {
    let value = mix(band + 1);
    for (let row = 0; row < ROWS; row++) value = mix(value ^ (minima[band * ROWS + row] ?? 0));
    return value | 0;
  });
}

/** FNV-1a over UTF-16 code units, mixed. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return mix(value);
}

/** The finaliser of MurmurHash3: every bit of the result hangs on every bit given. */
function mix(given: number): number {
  let value = given;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
