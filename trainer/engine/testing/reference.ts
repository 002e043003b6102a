// The fused ops in float64, slow and obvious, for central differences.

type Numbers = ArrayLike<number>;

const at = (values: Numbers, index: number): number => values[index] ?? Number.NaN;

export function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** x [M,I], weight [I,O] or transposed, bias [O]. */
export function linear(
  shape: { rows: number; inputs: number; outputs: number },
  options: { activation?: 'gelu' | undefined; transposeWeight?: boolean | undefined },
  x: Numbers,
  weight: Numbers,
  bias: Numbers,
): number[] {
  const { rows, inputs, outputs } = shape;
  const y: number[] = [];
  for (let m = 0; m < rows; m++) {
    for (let o = 0; o < outputs; o++) {
      let sum = at(bias, o);
      for (let i = 0; i < inputs; i++) {
        sum += at(x, m * inputs + i) * at(weight, options.transposeWeight ? o * inputs + i : i * outputs + o);
      }
      y.push(options.activation === 'gelu' ? gelu(sum) : sum);
    }
  }
  return y;
}

export function layerNorm(
  width: number,
  epsilon: number,
  x: Numbers,
  gain: Numbers,
  bias: Numbers,
): number[] {
  const y: number[] = [];
  for (let from = 0; from < x.length; from += width) {
    let mean = 0;
    for (let j = 0; j < width; j++) mean += at(x, from + j) / width;
    let variance = 0;
    for (let j = 0; j < width; j++) variance += (at(x, from + j) - mean) ** 2 / width;
    for (let j = 0; j < width; j++) {
      y.push(((at(x, from + j) - mean) / Math.sqrt(variance + epsilon)) * at(gain, j) + at(bias, j));
    }
  }
  return y;
}

/** qkv [B,T,(H+2G)S], G being H if left out; segments [B,T] or null. */
export function attention(
  shape: { rows: number; columns: number; heads: number; keyValueHeads?: number; size: number },
  segments: Numbers | null,
  qkv: Numbers,
): number[] {
  const { rows, columns, heads, keyValueHeads = heads, size } = shape;
  const width = heads * size;
  const out = new Array<number>(rows * columns * width).fill(0);
  const read = (part: number, b: number, t: number, h: number, d: number): number => {
    const head =
      part === 0 ? h : heads + (part - 1) * keyValueHeads + Math.floor((h * keyValueHeads) / heads);
    return at(qkv, ((b * columns + t) * (heads + 2 * keyValueHeads) + head) * size + d);
  };
  const sees = (b: number, i: number, j: number): boolean => {
    if (i === j || !segments) return j <= i;
    const own = at(segments, b * columns + i);
    return j < i && own !== 0 && own === at(segments, b * columns + j);
  };
  for (let b = 0; b < rows; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < columns; i++) {
        const weights = Array.from({ length: columns }, (_, j) => {
          if (!sees(b, i, j)) return 0;
          let score = 0;
          for (let d = 0; d < size; d++) score += read(0, b, i, h, d) * read(1, b, j, h, d);
          return Math.exp(score / Math.sqrt(size));
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let d = 0; d < size; d++) {
          let sum = 0;
          for (let j = 0; j < columns; j++) sum += (at(weights, j) / total) * read(2, b, j, h, d);
          out[(b * columns + i) * width + h * size + d] = sum;
        }
      }
    }
  }
  return out;
}

export function rmsNorm(width: number, epsilon: number, x: Numbers, gain: Numbers): number[] {
  return Array.from(x, (value, i) => {
    const from = i - (i % width);
    let squares = 0;
    for (let j = 0; j < width; j++) squares += at(x, from + j) ** 2 / width;
    return (value / Math.sqrt(squares + epsilon)) * at(gain, i % width);
  });
}

/** x [M,2I]: a gate and what it lets through. */
export function swiglu(width: number, x: Numbers): number[] {
  return Array.from({ length: x.length / 2 }, (_, i) => {
    const gate = at(x, i + width * Math.floor(i / width));
    return (gate / (1 + Math.exp(-gate))) * at(x, i + width * Math.floor(i / width) + width);
  });
}

/** x [M,C]: the first `turned` heads of `size` channels turned by position · frequency, pair by pair. */
export function rotary(
  shape: { channels: number; turned: number; size: number },
  positions: Numbers,
  frequencies: Numbers,
  x: Numbers,
): number[] {
  const { channels, turned, size } = shape;
  const half = size / 2;
  return Array.from(x, (value, i) => {
    const channel = i % channels;
    if (channel >= turned * size) return value;
    const inHead = channel % size;
    const angle = at(positions, Math.floor(i / channels)) * at(frequencies, inHead % half);
    const other = inHead < half ? -at(x, i + half) : at(x, i - half);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function softmax(row: number[]): number[] {
  const total = row.reduce((sum, z) => sum + Math.exp(z), 0);
  return row.map((z) => Math.exp(z) / total);
}

function scaledRows(width: number, temperature: number, logits: Numbers): number[][] {
  const rows: number[][] = [];
  for (let from = 0; from < logits.length; from += width) {
    rows.push(Array.from({ length: width }, (_, j) => at(logits, from + j) / temperature));
  }
  return rows;
}

export function logProbs(width: number, temperature: number, targets: Numbers, logits: Numbers): number[] {
  return scaledRows(width, temperature, logits).map((row, i) => Math.log(at(softmax(row), at(targets, i))));
}

export function entropies(width: number, temperature: number, logits: Numbers): number[] {
  return scaledRows(width, temperature, logits).map((row) =>
    softmax(row).reduce((sum, p) => sum - p * Math.log(p), 0),
  );
}

/** The gradient of Σ weights · f(inputs) by central differences. */
export function centralDifferences(
  f: (...inputs: Float64Array[]) => number[],
  inputs: Numbers[],
  weights: Numbers,
): Float64Array[] {
  const held = inputs.map((values) => Float64Array.from(values));
  const objective = (): number => f(...held).reduce((sum, y, i) => sum + y * at(weights, i), 0);
  const step = 1e-5;
  return held.map((values) =>
    Float64Array.from(values, (_, i) => {
      const kept = at(values, i);
      values[i] = kept + step;
      const above = objective();
      values[i] = kept - step;
      const below = objective();
      values[i] = kept;
      return (above - below) / (2 * step);
    }),
  );
}
