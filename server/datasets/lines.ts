import type { z } from 'zod';
import { AppError, describeZodError } from '../errors.ts';

/** A line of a file and where it stands, for error messages. */
export interface Line {
  text: string;
  /** For example `prompts.jsonl:12`. */
  where: string;
}

/**
 * The lines of a UTF-8 stream that hold anything, without their ends.
 * @param chunks text or bytes, cut anywhere
 */
export async function* readLines(
  fileName: string,
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): AsyncGenerator<Line> {
  // A byte order mark is no part of the text, whether it comes as bytes or as a character.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  let number = 0;
  function* complete(piece: string): Generator<Line> {
    const lines = piece.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      number++;
      const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
      if (text.trim() !== '') yield { text, where: `${fileName}:${number}` };
    }
  }
  for await (const chunk of chunks) {
    yield* complete(rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })));
  }
  yield* complete(`${rest + decoder.decode()}\n`);
}

/**
 * Parses one JSON line.
 * @throws BAD_INPUT that names file, line and field, and what was expected
 */
export function parseLine<T>(line: Line, schema: z.ZodType<T, unknown>, expected: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'BAD_INPUT',
      `${line.where}: not JSON (${why}): expected one object a line, ${expected}.`,
      {
        cause,
      },
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new AppError(
      'BAD_INPUT',
      `${line.where}: ${describeZodError(parsed.error).replace(/\.$/, '')}; expected ${expected}.`,
      { cause: parsed.error },
    );
  }
  return parsed.data;
}
