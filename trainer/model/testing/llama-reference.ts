// A Llama's forward pass in float64, slow and obvious: one sequence, one number after the other.
import type { CompleteLlamaConfig } from '../llama-config.ts';

type Numbers = ArrayLike<number>;

const at = (values: Numbers, index: number): number => values[index] ?? Number.NaN;
const dot = (a: Numbers, b: Numbers): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * at(b, i), 0);

/** The angle of pair `pair` at a position, straight from the definition; llama3 scaling or none. */
function angle({ rotary: { theta, scaling }, headSize }: CompleteLlamaConfig, pair: number): number {
  const plain = theta ** (-(2 * pair) / headSize);
  if (scaling === null) return plain;
  if (scaling.type !== 'llama3') throw new Error(`The reference knows no ${scaling.type} scaling.`);
  const wavelength = (2 * Math.PI) / plain;
  const { originalContext, lowFrequencyFactor: low, highFrequencyFactor: high, factor } = scaling;
  if (wavelength < originalContext / high) return plain;
  if (wavelength > originalContext / low) return plain / factor;
  const smooth = (originalContext / wavelength - low) / (high - low);
  return (1 - smooth) * (plain / factor) + smooth * plain;
}

/** A head's numbers at a position: x cos + (−second half, first half) sin. */
function turned(config: CompleteLlamaConfig, head: number[], position: number): number[] {
  const half = config.headSize / 2;
  return head.map((value, i) => {
    const turn = position * angle(config, i % half);
    const other = i < half ? -at(head, i + half) : at(head, i - half);
    return value * Math.cos(turn) + other * Math.sin(turn);
  });
}

/** Logits of each cell of a sequence at positions 0, 1, …, from weights by Hugging Face's names without the prefix. */
export function llamaReference(
  config: CompleteLlamaConfig,
  weights: ReadonlyMap<string, Numbers>,
  tokens: number[],
): number[][] {
  const { width, layers, heads, keyValueHeads, headSize, normEpsilon, vocabularySize, tiedHead } = config;
  const tensor = (name: string): number[] => Array.from(weights.get(name) ?? []);
  const linear = (x: number[], name: string): number[] => {
    const weight = tensor(`${name}.weight`);
    const bias = tensor(`${name}.bias`);
    return Array.from({ length: weight.length / x.length }, (_, o) => {
      const row = weight.slice(o * x.length, (o + 1) * x.length);
      return dot(x, row) + (bias.length > 0 ? at(bias, o) : 0);
    });
  };
  const norm = (x: number[], name: string): number[] => {
    const root = Math.sqrt(dot(x, x) / width + normEpsilon);
    const gain = tensor(`${name}.weight`);
    return x.map((value, i) => (value / root) * at(gain, i));
  };
  const headOf = (x: number[], head: number): number[] => x.slice(head * headSize, (head + 1) * headSize);
  const add = (a: number[], b: number[]): number[] => a.map((value, i) => value + at(b, i));

  const table = tensor('embed_tokens.weight');
  let cells = tokens.map((token) => table.slice(token * width, (token + 1) * width));
  for (let layer = 0; layer < layers; layer++) {
    const name = `layers.${layer}`;
    const normed = cells.map((x) => norm(x, `${name}.input_layernorm`));
    const part = (which: string) => normed.map((x) => linear(x, `${name}.self_attn.${which}_proj`));
    const [queries, keys, values] = [part('q'), part('k'), part('v')];
    cells = cells.map((x, i) => {
      const attended = Array.from({ length: heads }, (_, head) => {
        const shared = Math.floor(head / (heads / keyValueHeads));
        const query = turned(config, headOf(queries[i] ?? [], head), i);
        const scores = Array.from({ length: i + 1 }, (_, j) =>
          Math.exp(dot(query, turned(config, headOf(keys[j] ?? [], shared), j)) / Math.sqrt(headSize)),
        );
        const total = scores.reduce((sum, score) => sum + score, 0);
        return Array.from({ length: headSize }, (_, d) =>
          scores.reduce((sum, score, j) => sum + (score / total) * at(headOf(values[j] ?? [], shared), d), 0),
        );
      });
      return add(x, linear(attended.flat(), `${name}.self_attn.o_proj`));
    });
    cells = cells.map((x) => {
      const normedCell = norm(x, `${name}.post_attention_layernorm`);
      const gate = linear(normedCell, `${name}.mlp.gate_proj`);
      const up = linear(normedCell, `${name}.mlp.up_proj`);
      const inner = gate.map((value, i) => (value / (1 + Math.exp(-value))) * at(up, i));
      return add(x, linear(inner, `${name}.mlp.down_proj`));
    });
  }
  const head = tensor(tiedHead ? 'embed_tokens.weight' : 'lm_head.weight');
  return cells.map((x) => {
    const last = norm(x, 'norm');
    return Array.from({ length: vocabularySize }, (_, v) =>
      dot(last, head.slice(v * width, (v + 1) * width)),
    );
  });
}
