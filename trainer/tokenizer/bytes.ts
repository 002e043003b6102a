/**
 * Byte-level BPE writes each byte as one printable character in its files: printable Latin-1 bytes stand for
 * themselves, the others are given the characters from U+0100 on, in order (GPT-2's convention).
 */
const BYTE_TO_CHARACTER: readonly string[] = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const CHARACTER_TO_BYTE: ReadonlyMap<string, number> = new Map(
  BYTE_TO_CHARACTER.map((character, byte) => [character, byte]),
);

/** Bytes in the files' alphabet, one character a byte. */
export function bytesToText(bytes: Iterable<number>): string {
  let text = '';
  for (const byte of bytes) text += BYTE_TO_CHARACTER[byte] ?? '';
  return text;
}

/** The bytes of a token as written in a file; null when a character is not of the alphabet. */
export function textToBytes(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = CHARACTER_TO_BYTE.get(text.charAt(i));
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
