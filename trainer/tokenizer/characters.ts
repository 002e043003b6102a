/** What the word patterns ask of a character, one bit each. */
export const LETTER = 1;
export const MARK = 2;
export const NUMBER = 4;
/** `\s` of JavaScript: with U+FEFF, without U+0085 */
export const SPACE = 8;
/** Unicode's White_Space, the `\s` of other regular expressions: without U+FEFF, with U+0085 */
export const WHITE_SPACE = 16;

/** `classAndLength` shifts the class by this; below it stands the character's length in UTF-8, 1 to 4. */
export const CLASS_SHIFT = 3;
const LENGTH_MASK = (1 << CLASS_SHIFT) - 1;

const PAGE_BITS = 8;
const PAGE = 1 << PAGE_BITS;
/** Classes of 256 code points each, looked up in Unicode's tables when the first of them is met. */
const pages: (Uint8Array | undefined)[] = [];
const properties: readonly [RegExp, number][] = [
  [/\p{L}/u, LETTER],
  [/\p{M}/u, MARK],
  [/\p{N}/u, NUMBER],
  [/\s/u, SPACE],
  [/\p{White_Space}/u, WHITE_SPACE],
];

/** Class and length of each ASCII character, as `classAndLength` gives them. */
export const ASCII: Uint8Array = pageOf(0)
  .slice(0, 0x80)
  .map((value) => (value << CLASS_SHIFT) | 1);

/**
 * The class of the character that begins at `at`, shifted, and its length in bytes.
 * @param bytes well-formed UTF-8
 */
export function classAndLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return ASCII[first] ?? 1;
  const second = (bytes[at + 1] ?? 0) & 0x3f;
  if (first < 0xe0) return (classOf(((first & 0x1f) << 6) | second) << CLASS_SHIFT) | 2;
  const third = (bytes[at + 2] ?? 0) & 0x3f;
  if (first < 0xf0) return (classOf(((first & 0x0f) << 12) | (second << 6) | third) << CLASS_SHIFT) | 3;
  const fourth = (bytes[at + 3] ?? 0) & 0x3f;
  const point = ((first & 0x07) << 18) | (second << 12) | (third << 6) | fourth;
  return (classOf(point) << CLASS_SHIFT) | 4;
}

/** Where the run of characters begun at `at` ends that have one of the classes `some`. */
export function runOf(bytes: Uint8Array, at: number, end: number, some: number): number {
  const mask = some << CLASS_SHIFT;
  let next = at;
  while (next < end) {
    const here = classAndLength(bytes, next);
    if ((here & mask) === 0) break;
    next += here & LENGTH_MASK;
  }
  return next;
}

/** Where the run of characters begun at `at` ends that have none of the classes `none`. */
export function runWithout(bytes: Uint8Array, at: number, end: number, none: number): number {
  const mask = none << CLASS_SHIFT;
  let next = at;
  while (next < end) {
    const here = classAndLength(bytes, next);
    if ((here & mask) !== 0) break;
    next += here & LENGTH_MASK;
  }
  return next;
}

/** Bytes of the character that begins at `at`. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

function classOf(point: number): number {
  const page = pages[point >> PAGE_BITS] ?? pageOf(point >> PAGE_BITS);
  return page[point & (PAGE - 1)] ?? 0;
}

function pageOf(number: number): Uint8Array {
  const page = new Uint8Array(PAGE);
  for (let i = 0; i < PAGE; i++) {
    const character = String.fromCodePoint(number * PAGE + i);
    for (const [pattern, bit] of properties) if (pattern.test(character)) page[i] = (page[i] ?? 0) | bit;
  }
  pages[number] = page;
  return page;
}
