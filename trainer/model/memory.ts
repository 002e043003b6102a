import { memoryLimit } from '../engine/memory.ts';
import { CHUNK_LOGITS, LEAST_ROWS } from '../engine/ops/head-log-probs.ts';
import { TrainerError } from '../errors.ts';
import { type CompleteModelConfig, completeConfig, type ModelConfig } from './config.ts';

const FLOAT = 4;

/** What is computed at once. */
export interface StepSize {
  /** rows of a micro-batch */
  rows: number;
  /** cells of a row */
  columns: number;
}

/** The models that are in memory together. */
export interface ModelCount {
  /** with weights only: reference, reward model */
  frozen: number;
  /** with an optimizer each: policy, value model; their steps take turns */
  learning: number;
}

/** Bytes of a training run at its peak, by what takes them. */
export interface TrainingMemory {
  weights: number;
  gradients: number;
  /** AdamW's two moments */
  moments: number;
  /** what the forward pass leaves for the backward pass, and gradients on their way */
  activations: number;
  /** the head's logits and their gradient, a chunk at a time */
  logits: number;
  /** a copy of the weights: the first step copies what it changes, accumulated gradients meet the next ones */
  copies: number;
  total: number;
}

/** What one layer keeps of a cell for the backward pass, and makes for the forward pass alone, in numbers. */
interface CellNumbers {
  kept: number;
  forward: number;
}

/** Weights of a model of this shape, counted without making a list of them. */
function weightCount(config: CompleteModelConfig): number {
  const { vocabularySize, contextLength, width, layers, innerWidth } = config;
  if (config.family === 'gpt2') {
    const block = 4 * width ** 2 + 2 * width * innerWidth + 9 * width + innerWidth;
    return (vocabularySize + contextLength + 2) * width + layers * block;
  }
  const { heads, keyValueHeads, headSize, qkvBias, tiedHead } = config;
  const channels = (heads + 2 * keyValueHeads) * headSize;
  const block = width * (channels + heads * headSize + 3 * innerWidth + 2) + (qkvBias ? channels : 0);
  return (vocabularySize * (tiedHead ? 1 : 2) + 1) * width + layers * block;
}

/**
 * GPT-2: 8 D (both norms' outputs, qkv, attention and the two residual sums, with the inputs of the next products) and
 * twice the inner width (before and after GELU); 2 D until the forward pass ends. Llama: 4 D (norms' outputs, residual
 * sums), turned queries, keys and values, attention's output and three times the inner width (gate, what it lets through,
 * their product); the heads before they are turned until the forward pass ends.
 */
function cellNumbers(config: CompleteModelConfig): CellNumbers {
  const { width, innerWidth } = config;
  if (config.family === 'gpt2') return { kept: 8 * width + 2 * innerWidth, forward: 2 * width };
  const { heads, keyValueHeads, headSize } = config;
  const channels = (heads + 2 * keyValueHeads) * headSize;
  return { kept: 4 * width + channels + heads * headSize + 3 * innerWidth, forward: channels };
}

/**
 * Peak bytes of training on the native device, from the shapes of what its fused ops keep of each cell until the backward
 * pass has read it or the forward pass ends; half as much again goes to gradients on their way and to arrays that the
 * pool rounds up. The head holds a chunk of logits, and their gradient beside them. Neither [N,V] nor [B,H,T,T] is ever
 * made.
 */
export function trainingMemory(
  config: ModelConfig,
  { rows, columns }: StepSize,
  { frozen, learning }: ModelCount = { frozen: 0, learning: 1 },
): TrainingMemory {
  const complete = completeConfig(config);
  const { width, layers, vocabularySize } = complete;
  const model = FLOAT * weightCount(complete);
  const { kept, forward } = cellNumbers(complete);
  const perCell = 1.5 * (layers * (kept + forward) + 2 * width);
  const cells = rows * columns;
  const chunk = Math.min(cells * vocabularySize, Math.max(CHUNK_LOGITS, LEAST_ROWS * vocabularySize));
  const parts = {
    weights: (frozen + learning) * model,
    gradients: model,
    moments: learning * 2 * model,
    activations: FLOAT * cells * perCell,
    logits: FLOAT * 2.5 * chunk,
    copies: model,
  };
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

/** A run about to start. */
export interface MemoryPlan extends StepSize {
  config: ModelConfig;
  models?: ModelCount;
  /** bytes that models of another shape take beside these */
  besides?: number;
  /** what one unit of microBatchSize is, for the error: "rows", "episodes" */
  unit: string;
  /** rows of the batch that one unit of microBatchSize takes; 1 if left out */
  rowsPerUnit?: number;
}

/**
 * Makes sure that a run fits into memory before anything of it is made.
 * @param limit bytes that the process may use
 * @throws TrainerError one sentence: the estimate, what is there, and the micro-batch or width that would fit
 */
export function requireMemory(plan: MemoryPlan, limit = memoryLimit()): void {
  const { config, rows, columns, models, besides = 0, unit, rowsPerUnit = 1 } = plan;
  const needed = trainingMemory(config, plan, models).total + besides;
  if (needed <= limit) return;
  const fits = (shape: ModelConfig, tried: number): boolean =>
    trainingMemory(shape, { rows: tried, columns }, models).total + besides <= limit;
  const units = largest(Math.floor(rows / rowsPerUnit), (count) => fits(config, count * rowsPerUnit));
  const perHead = config.width / config.heads;
  // A narrower Llama may have any number of heads, which those of keys and values must divide.
  const narrowed = (heads: number): ModelConfig => ({
    ...config,
    heads,
    width: heads * perHead,
    innerWidth: undefined,
    ...(config.family === 'llama' && { keyValueHeads: undefined }),
  });
  const heads = largest(config.heads, (count) => fits(narrowed(count), rowsPerUnit));
  const advice =
    units > 0
      ? `a microBatchSize of ${units} ${unit} would fit`
      : heads > 0
        ? `even one of its ${unit} at a time is too much, and a width of ${heads * perHead} (${heads} heads) would fit`
        : `even one of its ${unit} at a time is too much, and so is every smaller width with these ${config.layers} layers`;
  throw new TrainerError(
    `Training this model (width ${config.width}, ${config.layers} layers, ${rows} × ${columns} tokens at once) takes about ${gigabytes(needed)} and there are ${gigabytes(limit)}: ${advice}.`,
  );
}

/** The largest whole number from 1 to `most` for which `fits` holds, where it holds up to some number; else 0. */
function largest(most: number, fits: (value: number) => boolean): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function gigabytes(bytes: number): string {
  const value = bytes / 1e9;
  return `${value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 })} GB`;
}
