import type { TokenBatch } from '../data/batch.ts';
import { dropout } from '../engine/ops/dropout.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { rmsNorm } from '../engine/ops/rms-norm.ts';
import { type RotaryAngles, rotary } from '../engine/ops/rotary.ts';
import { swiglu } from '../engine/ops/swiglu.ts';
import { tf } from '../engine/tf.ts';
import type { Family, ParameterSpec, Pass } from './family.ts';
import type { CompleteLlamaConfig } from './llama-config.ts';
import { type RotaryFrequencies, rotaryFrequencies, rotaryTable } from './rotary-frequencies.ts';

/**
 * Llama (Touvron et al. 2023) and those made like it: pre-norm blocks with RMS norm, rotary positions on queries and
 * keys, SwiGLU, grouped queries, biases on queries, keys and values or none, the head tied or not.
 */
export const llama = (config: CompleteLlamaConfig): Family => {
  const { heads, keyValueHeads, headSize, normEpsilon, tiedHead } = config;
  const angles = new PositionAngles(rotaryFrequencies(config.rotary, headSize), config.contextLength);
  const norm = (pass: Pass, x: tf.Tensor, name: string): tf.Tensor =>
    rmsNorm(x, pass.vector(`${name}.weight`), normEpsilon);

  return {
    name: 'Llama',
    prefix: 'model.',
    embedding: 'embed_tokens.weight',
    head: tiedHead ? 'embed_tokens.weight' : 'lm_head.weight',
    outputsFirst: true,
    // Rotary frequencies, which older files hold.
    isDerived: (name) => /^(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/.test(name),

    parameterSpecs: () => parameterSpecs(config),

    embed(pass) {
      const { rows, columns, tokens } = pass.batch;
      const x = embedding(pass.matrix('embed_tokens.weight'), tf.tensor2d(tokens, [rows, columns], 'int32'));
      const drop = pass.dropout(0);
      return drop ? dropout(x, drop.rate, drop.seed) : x;
    },

    block(pass, x, layer) {
      const name = `layers.${layer}`;
      const qkv = pass.projectTogether(
        norm(pass, x, `${name}.input_layernorm`),
        ['q_proj', 'k_proj', 'v_proj'].map((part) => `${name}.self_attn.${part}`),
      ) as tf.Tensor3D;
      const turned = rotary(qkv, heads + keyValueHeads, angles.of(pass.batch));
      const attended = pass.project(pass.attend(turned, layer), `${name}.self_attn.o_proj`, {
        residual: x,
        dropout: pass.dropout(1 + 2 * layer),
      });
      const inner = pass.projectTogether(
        norm(pass, attended, `${name}.post_attention_layernorm`),
        ['gate_proj', 'up_proj'].map((part) => `${name}.mlp.${part}`),
      );
      return pass.project(swiglu(inner), `${name}.mlp.down_proj`, {
        residual: attended,
        dropout: pass.dropout(2 + 2 * layer),
      });
    },

    finish: (pass, x) => norm(pass, x, 'norm'),
  };
};

/**
 * Weights start at N(0, 0.02), as transformers starts a Llama's; those that write into the residual stream at
 * 0.02 / √(2 · layers), as in our GPT-2.
 */
function parameterSpecs(config: CompleteLlamaConfig): Map<string, ParameterSpec> {
  const { vocabularySize, width, layers, heads, keyValueHeads, headSize, innerWidth, qkvBias } = config;
  const deviation = 0.02;
  const residual = deviation / Math.sqrt(2 * layers);
  const specs = new Map<string, ParameterSpec>();
  const addNorm = (name: string): void => {
    specs.set(`${name}.weight`, { shape: [width], initial: { constant: 1 } });
  };
  const addProjection = (name: string, to: number, from: number, std: number, biased = false): void => {
    specs.set(`${name}.weight`, { shape: [to, from], initial: { deviation: std } });
    if (biased) specs.set(`${name}.bias`, { shape: [to], initial: { constant: 0 } });
  };
  specs.set('embed_tokens.weight', { shape: [vocabularySize, width], initial: { deviation } });
  for (let layer = 0; layer < layers; layer++) {
    const name = `layers.${layer}`;
    addNorm(`${name}.input_layernorm`);
    addProjection(`${name}.self_attn.q_proj`, heads * headSize, width, deviation, qkvBias);
    addProjection(`${name}.self_attn.k_proj`, keyValueHeads * headSize, width, deviation, qkvBias);
    addProjection(`${name}.self_attn.v_proj`, keyValueHeads * headSize, width, deviation, qkvBias);
    addProjection(`${name}.self_attn.o_proj`, width, heads * headSize, residual);
    addNorm(`${name}.post_attention_layernorm`);
    addProjection(`${name}.mlp.gate_proj`, innerWidth, width, deviation);
    addProjection(`${name}.mlp.up_proj`, innerWidth, width, deviation);
    addProjection(`${name}.mlp.down_proj`, width, innerWidth, residual);
  }
  addNorm('norm');
  if (!config.tiedHead) {
    specs.set('lm_head.weight', { shape: [vocabularySize, width], initial: { deviation } });
  }
  return specs;
}

/** Cosines and sines of a model's positions, made for as many as were seen and no more than the context has. */
class PositionAngles {
  readonly #frequencies: RotaryFrequencies;
  readonly #contextLength: number;
  #table: Float32Array = new Float32Array(0);

  constructor(frequencies: RotaryFrequencies, contextLength: number) {
    this.#frequencies = frequencies;
    this.#contextLength = contextLength;
  }

  of({ positions }: TokenBatch): RotaryAngles {
    const headSize = 2 * this.#frequencies.perPosition.length;
    let last = 0;
    for (const position of positions) last = Math.max(last, position);
    if ((last + 1) * headSize > this.#table.length) {
      const count = Math.min(this.#contextLength, Math.max(2 * last, 64));
      this.#table = rotaryTable(this.#frequencies, Math.max(count, last + 1));
    }
    return { table: this.#table, positions, headSize };
  }
}
