import { dropout } from '../engine/ops/dropout.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { layerNorm } from '../engine/ops/layer-norm.ts';
import { tf } from '../engine/tf.ts';
import type { Family, ParameterSpec, Pass } from './family.ts';
import type { CompleteGpt2Config } from './gpt2-config.ts';

/** GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, GELU in its tanh form, the head tied to the token embedding. */
export const gpt2 = (config: CompleteGpt2Config): Family => ({
  name: 'GPT-2',
  prefix: 'transformer.',
  embedding: 'wte.weight',
  head: 'wte.weight',
  outputsFirst: false,
  // Causal masks.
  isDerived: (name) => /^h\.\d+\.attn\.(masked_)?bias$/.test(name),

  /**
   * Weights start at N(0, 0.02), those that write into the residual stream at 0.02 / √(2 · layers) (GPT-2, section 2.3).
   * Weights of linear layers are [in, out], as GPT-2's files hold them.
   */
  parameterSpecs() {
    const { vocabularySize, contextLength, width, layers, innerWidth } = config;
    const deviation = 0.02;
    const residual = deviation / Math.sqrt(2 * layers);
    const specs = new Map<string, ParameterSpec>();
    const addNorm = (name: string): void => {
      specs.set(`${name}.weight`, { shape: [width], initial: { constant: 1 } });
      specs.set(`${name}.bias`, { shape: [width], initial: { constant: 0 } });
    };
    const addProjection = (name: string, from: number, to: number, std: number): void => {
      specs.set(`${name}.weight`, { shape: [from, to], initial: { deviation: std } });
      specs.set(`${name}.bias`, { shape: [to], initial: { constant: 0 } });
    };
    specs.set('wte.weight', { shape: [vocabularySize, width], initial: { deviation } });
    specs.set('wpe.weight', { shape: [contextLength, width], initial: { deviation } });
    for (let layer = 0; layer < layers; layer++) {
      addNorm(`h.${layer}.ln_1`);
      addProjection(`h.${layer}.attn.c_attn`, width, 3 * width, deviation);
      addProjection(`h.${layer}.attn.c_proj`, width, width, residual);
      addNorm(`h.${layer}.ln_2`);
      addProjection(`h.${layer}.mlp.c_fc`, width, innerWidth, deviation);
      addProjection(`h.${layer}.mlp.c_proj`, innerWidth, width, residual);
    }
    addNorm('ln_f');
    return specs;
  },

  embed(pass) {
    const { rows, columns, tokens, positions } = pass.batch;
    const shape: [number, number] = [rows, columns];
    const x = tf.add(
      embedding(pass.matrix('wte.weight'), tf.tensor2d(tokens, shape, 'int32')),
      embedding(pass.matrix('wpe.weight'), tf.tensor2d(positions, shape, 'int32')),
    );
    const drop = pass.dropout(0);
    return drop ? dropout(x, drop.rate, drop.seed) : x;
  },

  block(pass, x, layer) {
    const name = `h.${layer}`;
    const qkv = pass.project(norm(config, pass, x, `${name}.ln_1`), `${name}.attn.c_attn`) as tf.Tensor3D;
    const attended = pass.project(pass.attend(qkv, layer), `${name}.attn.c_proj`, {
      residual: x,
      dropout: pass.dropout(1 + 2 * layer),
    });
    const inner = pass.project(norm(config, pass, attended, `${name}.ln_2`), `${name}.mlp.c_fc`, {
      activation: 'gelu',
    });
    return pass.project(inner, `${name}.mlp.c_proj`, {
      residual: attended,
      dropout: pass.dropout(2 + 2 * layer),
    });
  },

  finish: (pass, x) => norm(config, pass, x, 'ln_f'),
});

function norm(config: CompleteGpt2Config, pass: Pass, x: tf.Tensor, name: string): tf.Tensor {
  return layerNorm(x, pass.vector(`${name}.weight`), pass.vector(`${name}.bias`), config.layerNormEpsilon);
}
