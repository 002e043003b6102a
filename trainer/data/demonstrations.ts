import { TrainerError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { emptyTrainingBatch, type TrainingBatch, writeSequence } from './batch.ts';
import { lastTokens, promptTokens, responseTokens } from './conversation.ts';
import type { Demonstration } from './json-lines.ts';
import type { Prompt } from './template.ts';

/** A prompt and its answer as tokens. */
export interface EncodedExample {
  /** the rendered prompt; never empty */
  prompt: number[];
  /** the answer, ending with the token that ends it */
  response: number[];
}

/** What was done to examples longer than the context. */
export interface LengthReport {
  examples: number;
  /** prompts that lost tokens at their left end, so that the answer fits whole */
  truncatedPrompts: number;
  /** examples left out because the answer alone fills the context */
  dropped: number;
}

export function newLengthReport(): LengthReport {
  return { examples: 0, truncatedPrompts: 0, dropped: 0 };
}

/**
 * Encodes one prompt and its answer. Where both do not fit, the prompt loses tokens from the left (its end is what
 * the answer follows from). An answer is never cut, since that would teach the model to stop in mid-sentence: one
 * that leaves no cell for the prompt gives null.
 * @param context the most tokens of prompt, response and end-of-text together
 * @param lengths counts what happened
 */
export function encodeExample(
  prompt: Prompt,
  completion: string,
  tokenizer: Tokenizer,
  context: number,
  lengths: LengthReport,
): EncodedExample | null {
  const encoded = promptTokens(prompt, tokenizer);
  const response = responseTokens(prompt, completion, tokenizer);
  lengths.examples++;
  const room = context - response.length;
  if (room < 1) {
    lengths.dropped++;
    return null;
  }
  if (encoded.length > room) lengths.truncatedPrompts++;
  return { prompt: lastTokens(encoded, room, tokenizer), response };
}

/** Demonstrations as tokens, and what did not fit. */
export interface EncodedDemonstrations {
  examples: EncodedExample[];
  lengths: LengthReport;
}

/** Encodes demonstrations; see `encodeExample` for what happens to long ones. */
export function encodeDemonstrations(
  demonstrations: Iterable<Demonstration>,
  tokenizer: Tokenizer,
  context: number,
): EncodedDemonstrations {
  const lengths = newLengthReport();
  const examples: EncodedExample[] = [];
  for (const { prompt, completion } of demonstrations) {
    const example = encodeExample(prompt, completion, tokenizer, context, lengths);
    if (example) examples.push(example);
  }
  return { examples, lengths };
}

/**
 * Encodes a prompt to generate from, at most `room` tokens: a longer one loses tokens from the left.
 * @returns the tokens, and how many were cut off
 */
export function encodePrompt(
  prompt: Prompt,
  tokenizer: Tokenizer,
  room: number,
): { tokens: number[]; cut: number } {
  if (room < 1) throw new TrainerError(`A prompt needs at least one token of room, and got ${room}.`);
  const tokens = promptTokens(prompt, tokenizer);
  return { tokens: lastTokens(tokens, room, tokenizer), cut: Math.max(0, tokens.length - room) };
}

/**
 * Packs examples into rows of `columns` cells, first fit in the order given; each is a segment of its own with
 * positions from 0, so that the packed loss equals the unpacked one. A cell whose target belongs to the response,
 * end-of-text included, weighs 1; prompt and padding weigh 0. As the last token predicts nothing, it takes no cell.
 * @throws TrainerError for an example longer than columns + 1 tokens
 */
export function packDemonstrations(
  examples: readonly EncodedExample[],
  columns: number,
  padding: number,
): TrainingBatch {
  const used: number[] = [];
  const segments: number[] = [];
  const places = examples.map(({ prompt, response }, index) => {
    const length = prompt.length + response.length - 1;
    if (length > columns || prompt.length === 0) {
      throw new TrainerError(
        `Example ${index} has ${prompt.length} tokens of prompt and ${response.length} of response: expected a prompt, and at most ${columns + 1} together.`,
      );
    }
    let row = used.findIndex((cells) => cells + length <= columns);
    if (row < 0) {
      row = used.length;
      used.push(0);
      segments.push(0);
    }
    const column = used[row] ?? 0;
    const segment = (segments[row] ?? 0) + 1;
    used[row] = column + length;
    segments[row] = segment;
    return { row, column, segment };
  });
  const batch = emptyTrainingBatch(used.length, columns, padding);
  for (const [index, example] of examples.entries()) {
    const place = places[index];
    if (place) writeExample(batch, place.row, place.column, example, place.segment);
  }
  return batch;
}

/** One example a row, padded to the right to the longest: the slow and plain form of `packDemonstrations`. */
export function padDemonstrations(examples: readonly EncodedExample[], padding: number): TrainingBatch {
  const longest = Math.max(0, ...examples.map(({ prompt, response }) => prompt.length + response.length - 1));
  const batch = emptyTrainingBatch(examples.length, longest, padding);
  for (const [row, example] of examples.entries()) writeExample(batch, row, 0, example, 1);
  return batch;
}

function writeExample(
  batch: TrainingBatch,
  row: number,
  column: number,
  { prompt, response }: EncodedExample,
  segment: number,
): void {
  const tokens = [...prompt, ...response];
  writeSequence(batch, row, column, tokens.slice(0, -1), segment);
  const offset = row * batch.columns + column;
  for (let i = 1; i < tokens.length; i++) {
    batch.targets[offset + i - 1] = tokens[i] ?? 0;
    batch.weights[offset + i - 1] = i >= prompt.length ? 1 : 0;
  }
}
