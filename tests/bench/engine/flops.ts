/**
 * Counted floating-point operations of a GPT, a multiplication and an addition as two. Only what matrix products need:
 * N is the number of weights that multiply (12 · layers · width² and the tied head, vocabulary · width), so a forward
 * pass takes 2 N a token, forward and backward 6 N (Kaplan et al. 2020, section 2.1). Attention adds, for each cell
 * that a token may see, 4 · layers · width forward (queries by keys, weights by values); with a causal mask T / 2 cells
 * on average, so 12 · layers · width · T / 2 with the backward pass.
 */
export interface Shape {
  vocabulary: number;
  width: number;
  layers: number;
  heads: number;
  context: number;
}

/** The model of PERFORMANCE's table: 1.9 M parameters. */
export const referenceShape: Shape = { vocabulary: 512, width: 192, layers: 4, heads: 6, context: 128 };

function blockWeights({ width, layers }: Shape): number {
  return 12 * layers * width ** 2;
}

function headWeights({ vocabulary, width }: Shape): number {
  return vocabulary * width;
}

/** One token of a training step over rows of `columns` tokens. */
export function trainingFlops(shape: Shape, columns: number): number {
  const weights = blockWeights(shape) + headWeights(shape);
  return 6 * weights + (12 * shape.layers * shape.width * columns) / 2;
}

/** A forward pass over one row of `columns` tokens, of which `predicted` pass the head. */
function forwardFlops(shape: Shape, columns: number, predicted: number): number {
  const seen = (columns * (columns + 1)) / 2;
  return (
    2 * blockWeights(shape) * columns +
    2 * headWeights(shape) * predicted +
    4 * shape.layers * shape.width * seen
  );
}

/** One completion of `added` tokens to a prompt of `prompt` tokens over a key-value cache: the last is not read again. */
export function generationFlops(shape: Shape, prompt: number, added: number): number {
  return forwardFlops(shape, prompt + added - 1, added);
}

/** Bytes that decoding a batch reads at least: every weight once a step, and every row's keys and values. */
export function generationBytes(shape: Shape, rows: number, prompt: number, added: number): number {
  const weights = 4 * (blockWeights(shape) + headWeights(shape));
  const cell = 4 * 2 * shape.layers * shape.width;
  let cells = 0;
  for (let step = 0; step < added; step++) cells += prompt + step;
  return added * weights + rows * cells * cell;
}

/**
 * One episode of a PPO iteration: its generation, four models' forward passes to score it (two with a head over the
 * vocabulary), and in each epoch a forward and backward pass (three times forward) of policy and value model.
 */
export function episodeFlops(shape: Shape, prompt: number, added: number, epochs: number): number {
  const read = prompt + added - 1;
  const language = forwardFlops(shape, read, added);
  const scalar = forwardFlops(shape, read, 0);
  return generationFlops(shape, prompt, added) + (2 + 3 * epochs) * (language + scalar);
}
