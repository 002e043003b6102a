import type { NativeBackend } from '../engine/native/backend.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import type { CompleteGpt2Config } from './gpt2-config.ts';
import { type LanguageModel, parameterSpecs } from './language-model.ts';
import type { CompleteLlamaConfig } from './llama-config.ts';
import { rotaryFrequencies, rotaryTable } from './rotary-frequencies.ts';

/** A model as the native decoder takes it. */
export interface DecoderModel {
  /** as `Addon.decoderRoom` takes it */
  shape: Int32Array;
  vocabularySize: number;
  /** of the norms */
  epsilon: number;
  /** cosines, then sines of the angles by which each position of [0, capacity) is turned, [capacity, head size]; empty for a GPT-2 */
  rotary(capacity: number): Float32Array;
  /** hands over each tensor by Hugging Face's name without the trunk's prefix; the values are lent for the call */
  forEachTensor(use: (name: string, values: Float32Array) => void): void;
}

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

/** A language model whose weights are on the native device. They are read when they are packed, adapters merged into them. */
export function decoderModel(native: NativeBackend, model: LanguageModel): DecoderModel {
  const { config } = model;
  return {
    ...(config.family === 'llama' ? ofLlama(config) : ofGpt2(config)),
    vocabularySize: config.vocabularySize,
    forEachTensor(use) {
      // One at a time: a weight with an adapter's change in it exists for this only.
      for (const name of parameterSpecs(config).keys())
        tf.tidy(() => use(name, native.floats(model.effective(name))));
    },
  };
}

type FamilyPart = Pick<DecoderModel, 'shape' | 'epsilon' | 'rotary'>;

function ofGpt2(config: CompleteGpt2Config): FamilyPart {
  const { vocabularySize, contextLength, width, layers, heads, innerWidth, layerNormEpsilon } = config;
  const attention = [heads, heads, width / heads];
  return {
    shape: Int32Array.of(0, vocabularySize, contextLength, width, layers, ...attention, innerWidth, 1, 1),
    epsilon: layerNormEpsilon,
    rotary: () => new Float32Array(0),
  };
}

/** What the decoder needs to know of a Llama but its weights. */
export function ofLlama(config: CompleteLlamaConfig): FamilyPart {
  const { vocabularySize, contextLength, width, layers, heads, keyValueHeads, headSize, innerWidth } = config;
  const attention = [heads, keyValueHeads, headSize];
  const flags = [Number(config.qkvBias), Number(config.tiedHead)];
  return {
    shape: Int32Array.of(1, vocabularySize, contextLength, width, layers, ...attention, innerWidth, ...flags),
    epsilon: config.normEpsilon,
    rotary: (capacity) => rotaryTable(rotaryFrequencies(config.rotary, headSize), capacity),
  };
}

/** The weights as the decoder reads them, a copy that later changes do not touch. */
export function packWeights(
  native: NativeBackend,
  { shape, forEachTensor }: DecoderModel,
  weights: Float32Array,
): void {
  forEachTensor((name, values) => {
    // "h.3.attn.c_attn.weight", "layers.3.self_attn.q_proj.weight"
    const [, layer = '0', inLayer = name] = /^(?:h|layers)\.(\d+)\.(.+)$/.exec(name) ?? [];
    const part = partOfName.get(inLayer);
    if (part === undefined) throw new TrainerError(`The native decoder knows no tensor ${name}.`);
    native.addon.packTensor(shape, part, Number(layer), values.length, values, weights);
  });
}
