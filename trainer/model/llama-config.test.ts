import { describe, expect, it } from 'vitest';
import { completeConfig, parseHuggingFaceConfig, toHuggingFaceConfig } from './config.ts';
import type { LlamaConfig } from './llama-config.ts';

/** As Llama 3.2's file, in transformers 4's spelling. */
const llama3 = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 128000,
  eos_token_id: [128001, 128008, 128009],
  head_dim: 64,
  hidden_act: 'silu',
  hidden_size: 2048,
  initializer_range: 0.02,
  intermediate_size: 8192,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    factor: 32.0,
    high_freq_factor: 4.0,
    low_freq_factor: 1.0,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  rope_theta: 500000.0,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.45.0.dev0',
  use_cache: true,
  vocab_size: 128256,
};

/** As Qwen2.5's. */
const qwen2 = {
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0.0,
  eos_token_id: 151643,
  hidden_act: 'silu',
  hidden_size: 896,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 24,
  model_type: 'qwen2',
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 32768,
  tie_word_embeddings: true,
  use_mrope: false,
  use_sliding_window: false,
  vocab_size: 151936,
};

const parse = (file: object) => parseHuggingFaceConfig(file, 'there/config.json');

describe('a config.json of the Llama family', () => {
  it('of a Llama 3 gives its shape, with llama3 scaling', () => {
    expect(parse(llama3)).toEqual({
      family: 'llama',
      modelType: 'llama',
      vocabularySize: 128256,
      contextLength: 131072,
      width: 2048,
      layers: 16,
      heads: 32,
      keyValueHeads: 8,
      headSize: 64,
      innerWidth: 8192,
      normEpsilon: 1e-5,
      rotary: {
        theta: 500_000,
        scaling: {
          type: 'llama3',
          factor: 32,
          lowFrequencyFactor: 1,
          highFrequencyFactor: 4,
          originalContext: 8192,
        },
      },
      qkvBias: false,
      tiedHead: true,
    });
  });

  it("in transformers 5's spelling gives the same", () => {
    const { rope_scaling, rope_theta, torch_dtype, ...rest } = llama3;
    const newer = { ...rest, dtype: torch_dtype, rope_parameters: { ...rope_scaling, rope_theta } };
    expect(parse(newer)).toEqual(parse(llama3));
    expect(parse({ ...newer, rope_theta, rope_scaling })).toEqual(parse(llama3));
    expect(() => parse({ ...newer, rope_theta: 10_000 })).toThrow(
      'rope_theta is 500000 in one place and 10000 in another',
    );
    expect(() => parse({ ...newer, rope_scaling: { rope_type: 'linear', factor: 2 } })).toThrow(
      'rope_parameters and rope_scaling differ',
    );
    const plain = { ...rest, rope_parameters: { rope_type: 'default', rope_theta: 1e6 } };
    expect(parse(plain)).toMatchObject({ rotary: { theta: 1e6, scaling: null } });
  });

  it('of a Qwen2 gives biases of queries, keys and values; of YaRN its numbers', () => {
    expect(parse(qwen2)).toMatchObject({
      modelType: 'qwen2',
      qkvBias: true,
      headSize: 64,
      keyValueHeads: 2,
      rotary: { theta: 1e6, scaling: null },
    });
    const yarn = { factor: 4.0, original_max_position_embeddings: 32768, type: 'yarn' };
    expect(parse({ ...qwen2, rope_scaling: yarn })).toMatchObject({
      rotary: { scaling: { type: 'yarn', factor: 4, originalContext: 32768, betaFast: 32, betaSlow: 1 } },
    });
  });

  it('of a Mistral is taken where its window hides nothing', () => {
    const { attention_bias, mlp_bias, pretraining_tp, rope_scaling, ...common } = llama3;
    const mistral = { ...common, model_type: 'mistral', sliding_window: null };
    expect(parse(mistral)).toMatchObject({ modelType: 'mistral', qkvBias: false });
    expect(() => parse({ ...mistral, sliding_window: 4096 })).toThrow(
      'there/config.json: sliding_window is 4096: expected null, or at least the 131072',
    );
    // transformers takes 4096 where a Mistral's file says nothing.
    expect(() => parse({ ...common, model_type: 'mistral' })).toThrow('sliding_window is 4096');
  });

  it.each([
    [{ hidden_act: 'gelu' }, 'hidden_act'],
    [{ attention_bias: true }, 'attention_bias'],
    [{ mlp_bias: true }, 'mlp_bias'],
    [{ pretraining_tp: 2 }, 'pretraining_tp'],
    [{ use_sliding_window: true }, 'use_sliding_window'],
    [{ layer_types: ['sliding_attention'] }, 'layer_types'],
    [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    [{ rope_interleaved: true }, 'rope_interleaved'],
    [{ rope_scaling: { rope_type: 'dynamic', factor: 2 } }, 'rope_scaling.rope_type'],
    [{ rope_scaling: { rope_type: 'longrope', factor: 2 } }, 'rope_scaling.rope_type'],
    [{ rope_scaling: { rope_type: 'yarn', factor: 2, mscale: 1 } }, 'mscale'],
    [{ rope_scaling: { rope_type: 'linear' } }, 'rope_scaling.factor'],
    [{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'rope_scaling.original_max_position_embeddings'],
    [{ quantization_config: {} }, 'quantization_config'],
    [{ num_labels: 3 }, 'num_labels'],
    [{ vocab_size: 0 }, 'vocab_size'],
    [{ num_key_value_heads: 5 }, 'cannot have 5 of keys and values'],
    [{ head_dim: 63 }, 'A head of size 63'],
    [{ head_dim: null, num_attention_heads: 24 }, 'cannot have 24 heads'],
    [{ model_type: 'gemma2' }, 'model_type is "gemma2": expected one of gpt2, llama, qwen2, mistral'],
    [{ model_type: undefined }, 'model_type is missing'],
  ])('with %o is refused by file and key', (change, named) => {
    expect(() => parse({ ...llama3, ...change })).toThrow('there/config.json');
    expect(() => parse({ ...llama3, ...change })).toThrow(named);
  });

  it('is written so that it reads back as it was, whatever it came from', () => {
    const tokens = { endOfText: 0, padding: 1 };
    const yarn = { factor: 4.0, beta_fast: 16, attention_factor: 1.2, truncate: false, rope_type: 'yarn' };
    const files = [llama3, qwen2, { ...qwen2, rope_scaling: yarn }, { ...llama3, rope_scaling: null }];
    for (const file of files) {
      const config = parse(file);
      expect(parse(toHuggingFaceConfig(config, 'language-model', tokens))).toEqual(config);
      expect(parse(toHuggingFaceConfig(config, 'sequence-classification', tokens))).toEqual(config);
    }
    const named = (file: object, form: 'language-model' | 'sequence-classification') =>
      toHuggingFaceConfig(parse(file), form, tokens).architectures;
    expect(named(llama3, 'language-model')).toEqual(['LlamaForCausalLM']);
    expect(named(qwen2, 'sequence-classification')).toEqual(['Qwen2ForSequenceClassification']);
  });

  it('has defaults: one key head a query head, D / H, 8/3 D in whole 32s, theta 10,000', () => {
    const small: LlamaConfig = {
      family: 'llama',
      vocabularySize: 512,
      contextLength: 128,
      width: 192,
      layers: 4,
      heads: 6,
    };
    expect(completeConfig(small)).toMatchObject({
      modelType: 'llama',
      keyValueHeads: 6,
      headSize: 32,
      innerWidth: 512,
      normEpsilon: 1e-6,
      rotary: { theta: 10_000, scaling: null },
      qkvBias: false,
      tiedHead: false,
    });
    expect(() => completeConfig({ ...small, qkvBias: true })).toThrow('qwen2 is the type with them');
  });
});
