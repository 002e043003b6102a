import type { ModelConfig } from '../../model/config.ts';
import type { PretrainConfig } from '../pretrain.config.ts';

/** The shape of the model that pretraining makes. */
export function modelShape(config: PretrainConfig, vocabularySize: number): ModelConfig {
  const { family, context, width, layers, heads } = config;
  const innerWidth = config.innerWidth ?? undefined;
  const shape = { vocabularySize, contextLength: context, width, layers, heads, innerWidth };
  if (family === 'gpt2') return { family, ...shape };
  return {
    family: 'llama',
    modelType: family,
    ...shape,
    keyValueHeads: config.keyValueHeads ?? undefined,
    rotary: { theta: config.ropeTheta ?? 10_000, scaling: null },
    tiedHead: config.tiedHead ?? true,
  };
}
