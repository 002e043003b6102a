import { completeConfig, type ModelConfig } from './config.ts';
import type { Family } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';

/** The family of a model of this shape. @throws TrainerError when its numbers do not fit each other */
export function familyOf(config: ModelConfig): Family {
  const complete = completeConfig(config);
  return complete.family === 'llama' ? llama(complete) : gpt2(complete);
}

/** A parameter's name in a file: the trunk's have its prefix, an output layer of its own has none. */
export function nameInFile({ prefix, embedding, head }: Family, name: string): string {
  return name === head && head !== embedding ? name : prefix + name;
}
