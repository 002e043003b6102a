import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../errors.ts';

type Floats = Float32Array;

/**
 * The compiled kernels, as module.cc exports them. Each checks the kind and length of its arrays; what the numbers
 * mean stands in kernels.h. Outputs are arrays that the caller brings.
 */
export interface Addon {
  /** picks the kernels, 'best' for what the processor supports, and starts the threads (0: as they are) */
  open(variant: 'best' | 'avx512' | 'avx2' | 'portable', threads: number): string;
  /**
   * settles for this process whether the system's BLAS makes large products: 'off', a library's path, or '' for the
   * first found if it is clearly faster than the kernels in use. The library's name, '' where none is used
   */
  chooseBlas(request: string): string;
  /** whether large products round their inputs to bf16; false when this processor cannot */
  setBf16(on: boolean): boolean;
  gemm(
    m: number,
    n: number,
    k: number,
    aAt: number,
    bAt: number,
    cAt: number,
    aRow: number,
    aColumn: number,
    bRow: number,
    bColumn: number,
    cRow: number,
    a: Floats,
    b: Floats,
    c: Floats,
    accumulate: boolean,
    bias: Floats | null,
    gelu: boolean,
    before: Floats | null,
    residual?: Floats | null,
    dropRate?: number,
    dropSeed?: number,
    bSums?: Floats | null,
  ): void;
  attention(
    rows: number,
    columns: number,
    heads: number,
    keyValueHeads: number,
    size: number,
    qkv: Floats,
    segments: Int32Array | null,
    out: Floats,
    logSums: Floats,
  ): void;
  attentionGradient(
    rows: number,
    columns: number,
    heads: number,
    keyValueHeads: number,
    size: number,
    qkv: Floats,
    segments: Int32Array | null,
    out: Floats,
    logSums: Floats,
    dout: Floats,
    dqkv: Floats,
  ): void;
  cachedAttention(
    rows: number,
    count: number,
    heads: number,
    keyValueHeads: number,
    size: number,
    length: number,
    capacity: number,
    qkv: Floats,
    start: Int32Array,
    keys: Floats,
    values: Floats,
    out: Floats,
  ): void;
  layerNorm(
    rows: number,
    width: number,
    x: Floats,
    gain: Floats,
    bias: Floats,
    epsilon: number,
    y: Floats,
    mean: Floats,
    scale: Floats,
  ): void;
  layerNormGradient(
    rows: number,
    width: number,
    x: Floats,
    gain: Floats,
    mean: Floats,
    scale: Floats,
    dy: Floats,
    dx: Floats,
    dgain: Floats,
    dbias: Floats,
  ): void;
  /** the first row whose target is outside the vocabulary, or -1 */
  logProbs(
    rows: number,
    width: number,
    logits: Floats,
    targets: Int32Array,
    temperature: number,
    out: Floats,
    logSums: Floats,
  ): number;
  logProbsGradient(
    rows: number,
    width: number,
    logits: Floats,
    targets: Int32Array,
    temperature: number,
    logSums: Floats,
    dy: Floats,
    dlogits: Floats,
  ): void;
  entropy(
    rows: number,
    width: number,
    logits: Floats,
    temperature: number,
    out: Floats,
    logSums: Floats,
  ): void;
  entropyGradient(
    rows: number,
    width: number,
    logits: Floats,
    temperature: number,
    entropies: Floats,
    logSums: Floats,
    dy: Floats,
    dlogits: Floats,
  ): void;
  /** the first cell whose id is outside the table, or -1 */
  gather(
    count: number,
    width: number,
    vocabulary: number,
    table: Floats,
    ids: Int32Array,
    out: Floats,
  ): number;
  scatterAdd(
    count: number,
    width: number,
    vocabulary: number,
    ids: Int32Array,
    dy: Floats,
    dtable: Floats,
  ): void;
  /** op: 0 add, 1 subtract, 2 multiply, 3 divide; step 0 repeats the operand's one element */
  binary(op: number, size: number, aStep: number, bStep: number, a: Floats, b: Floats, out: Floats): void;
  geluGradient(size: number, before: Floats, dy: Floats, dx: Floats): void;
  columnSums(rows: number, width: number, x: Floats, out: Floats): void;
  sum(size: number, x: Floats): number;
  sumOfSquares(size: number, x: Floats): number;
  dropout(size: number, x: Floats, rate: number, seed: number, out: Floats): void;
  adamw(
    size: number,
    parameter: Floats,
    gradient: Floats,
    first: Floats,
    second: Floats,
    learningRate: number,
    beta1: number,
    beta2: number,
    correction1: number,
    correction2: number,
    epsilon: number,
    weightDecay: number,
  ): void;
  rmsNorm(
    rows: number,
    width: number,
    x: Floats,
    gain: Floats,
    epsilon: number,
    y: Floats,
    scale: Floats,
  ): void;
  rmsNormGradient(
    rows: number,
    width: number,
    x: Floats,
    gain: Floats,
    scale: Floats,
    dy: Floats,
    dx: Floats,
    dgain: Floats,
  ): void;
  /** turns the pairs of the first `turned` heads of each cell by its position's angles, or back */
  rotary(
    cells: number,
    channels: number,
    turned: number,
    size: number,
    positions: Int32Array,
    table: Floats,
    back: boolean,
    x: Floats,
    y: Floats,
  ): void;
  swiglu(rows: number, width: number, x: Floats, y: Floats): void;
  swigluGradient(rows: number, width: number, x: Floats, dy: Floats, dx: Floats): void;
  sample(
    rows: number,
    width: number,
    logits: Floats,
    uniforms: Float64Array,
    temperature: number,
    topK: number,
    topP: number,
    out: Int32Array,
  ): void;
  /**
   * What the decoder needs for a model and so many rows: floats of its packed weights, slots, floats of their cache
   * @param shape family (0 GPT-2, 1 Llama), vocabulary, context, width, layers, heads, key and value heads, head size, inner
   * width, whether queries, keys and values have biases, whether the head is the token embedding
   * @param rows the most completed at once; more slots than the threads can use are not asked for
   * @param capacity cells of a slot: prompt and new tokens, but for the last, which is never read
   */
  decoderRoom(shape: Int32Array, rows: number, capacity: number, out: Float64Array): void;
  /** packs a tensor of the model; `part` as in decoder.h */
  packTensor(
    shape: Int32Array,
    part: number,
    layer: number,
    size: number,
    tensor: Floats,
    weights: Floats,
  ): void;
  /**
   * completes rows until all are done, or until the time is over; the arrays hold the state between calls. Rows of equal
   * prompts are a group, and stand next to each other
   * @param rotary [capacity][head size] cosines, then sines of each position's angles; empty for a GPT-2
   * @param slotState [3 slots] the row of each slot, -1 for none; the group whose prompt it has, -1 for none; cells read
   * @param rowState [4 rows] length of each row's prompt; the most tokens to add; its group; tokens added
   * @param groupState [2 groups + 3] the first row of each group, and the number of rows; each group's first row that has
   * had no slot yet; the first group without a slot; rows without a slot
   * @param tokens [rows][capacity + 1] prompts, then what was added
   * @param mostNew the largest number of tokens to add
   * @param logProbs [rows][mostNew] of the tokens added
   * @param random [rows][4] states of the rows' generators
   * @param sampling temperature; top-k, 0 for all; top-p; repetition, frequency and presence penalty; how many of the
   * tokens may be drawn; A, how many alternatives are noted
   * @param alternativeTokens [rows][mostNew][A] the likeliest at each place, best first
   * @param alternativeLogProbs [rows][mostNew][A]
   */
  decode(
    shape: Int32Array,
    epsilon: number,
    slots: number,
    capacity: number,
    rotary: Floats,
    weights: Floats,
    cache: Floats,
    slotState: Int32Array,
    rows: number,
    rowState: Int32Array,
    groups: number,
    groupState: Int32Array,
    tokens: Int32Array,
    mostNew: number,
    logProbs: Floats,
    random: Int32Array,
    sampling: Float64Array,
    alternativeTokens: Int32Array,
    alternativeLogProbs: Floats,
    stopCount: number,
    stopTokens: Int32Array,
    seconds: number,
  ): void;
}

/** Every function of the addon; one that is missing belongs to another version of the sources. */
const exported: Record<keyof Addon, true> = {
  open: true,
  gemm: true,
  attention: true,
  attentionGradient: true,
  cachedAttention: true,
  layerNorm: true,
  layerNormGradient: true,
  logProbs: true,
  logProbsGradient: true,
  entropy: true,
  entropyGradient: true,
  gather: true,
  scatterAdd: true,
  binary: true,
  geluGradient: true,
  columnSums: true,
  sum: true,
  sumOfSquares: true,
  dropout: true,
  adamw: true,
  rmsNorm: true,
  rmsNormGradient: true,
  rotary: true,
  swiglu: true,
  swigluGradient: true,
  sample: true,
  chooseBlas: true,
  setBf16: true,
  decoderRoom: true,
  packTensor: true,
  decode: true,
};

/** Whether the file is the one that was built: half a library is mapped, and ends the process when it is run. */
function isWhole(file: string, sumFile: string): boolean {
  if (!existsSync(sumFile)) return true;
  const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
  return sum === readFileSync(sumFile, 'utf8').trim();
}

/** The folder that build.mjs writes. */
const defaultFolder = fileURLToPath(new URL('./build/', import.meta.url));

/**
 * Loads the compiled kernels.
 * @param folder of `kernels.node`, or of the `reason.txt` that the build left in its place
 * @returns the kernels, or why there are none
 */
export function loadAddon(folder = defaultFolder): { addon: Addon } | { reason: string } {
  const file = `${folder}/kernels.node`;
  if (!existsSync(file)) {
    const note = `${folder}/reason.txt`;
    const reason = existsSync(note) ? readFileSync(note, 'utf8').trim() : '';
    return { reason: reason || 'the kernels have not been compiled (run `npm rebuild @touchstone/trainer`)' };
  }
  try {
    if (!isWhole(file, `${folder}/kernels.sha256`)) {
      return {
        reason: 'the compiled kernels are not what was built (run `npm rebuild @touchstone/trainer`)',
      };
    }
    const addon: Addon = createRequire(import.meta.url)(file);
    const missing = Object.keys(exported).find((name) => typeof addon[name as keyof Addon] !== 'function');
    if (missing) {
      return {
        reason: `the compiled kernels lack the function ${missing} (run \`npm rebuild @touchstone/trainer\`)`,
      };
    }
    return { addon };
  } catch (error) {
    return { reason: `the compiled kernels cannot be loaded (${messageOf(error).split('\n')[0]})` };
  }
}
