import type { NativeBackend } from '../engine/native/backend.ts';
import { TrainerError } from '../errors.ts';
import type { CompleteModelConfig } from './config.ts';
import { type LanguageModel, parameterSpecs } from './language-model.ts';

/** The tensors of a model by the end of their names, in the order of `Part` in engine/native/decoder.h. */
const PARTS: readonly (readonly string[])[] = [
  ['wte.weight', 'embed_tokens.weight'],
  ['wpe.weight'],
  ['lm_head.weight'],
  ['ln_f.weight', 'norm.weight'],
  ['ln_f.bias'],
  ['ln_1.weight', 'input_layernorm.weight'],
  ['ln_1.bias'],
  ['ln_2.weight', 'post_attention_layernorm.weight'],
  ['ln_2.bias'],
  ['attn.c_attn.weight'],
  ['attn.c_attn.bias'],
  ['self_attn.q_proj.weight'],
  ['self_attn.k_proj.weight'],
  ['self_attn.v_proj.weight'],
  ['self_attn.q_proj.bias'],
  ['self_attn.k_proj.bias'],
  ['self_attn.v_proj.bias'],
  ['attn.c_proj.weight', 'self_attn.o_proj.weight'],
  ['attn.c_proj.bias'],
  ['mlp.gate_proj.weight'],
  ['mlp.c_fc.weight', 'mlp.up_proj.weight'],
  ['mlp.c_fc.bias'],
  ['mlp.c_proj.weight', 'mlp.down_proj.weight'],
  ['mlp.c_proj.bias'],
];

const partOfName = new Map(PARTS.flatMap((names, part) => names.map((name) => [name, part] as const)));

/** The shape of a model as `Addon.decoderRoom` takes it. */
export function decoderShape(config: CompleteModelConfig): Int32Array {
  const { vocabularySize, contextLength, width, layers, heads, innerWidth } = config;
  return Int32Array.of(
    0,
    vocabularySize,
    contextLength,
    width,
    layers,
    heads,
    heads,
    width / heads,
    innerWidth,
    1,
    1,
  );
}

/** Cosines, then sines of the angles by which each position of [0, capacity) is turned, [capacity, head size]. */
export function rotaryTable(_config: CompleteModelConfig, _capacity: number): Float32Array {
  return new Float32Array(0);
}

/** The model's weights as the decoder reads them, a copy that later changes do not touch. */
export function packWeights(
  native: NativeBackend,
  model: LanguageModel,
  shape: Int32Array,
  weights: Float32Array,
): void {
  for (const name of parameterSpecs(model.config).keys()) {
    // "h.3.attn.c_attn.weight", "layers.3.self_attn.q_proj.weight"
    const [, layer, inLayer] = /^(?:h|layers)\.(\d+)\.(.+)$/.exec(name) ?? [];
    const part = partOfName.get(inLayer ?? name);
    if (part === undefined) throw new TrainerError(`The decoder knows no tensor ${name}.`);
    const values = native.floats(model.parameter(name));
    native.addon.packTensor(shape, part, Number(layer ?? 0), values.length, values, weights);
  }
}
