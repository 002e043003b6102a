import { completionText, lastTokens, stopTokensOf, textTokens } from '../../data/conversation.ts';
import { encodePrompt } from '../../data/demonstrations.ts';
import { generate } from '../../model/generate.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Sample } from '../types.ts';
import { seedFor } from './seeds.ts';

/** The part of a config that says what to sample during training. */
export interface SampleSettings {
  seed: number;
  samplePrompts: string[];
  sampleTokens: number;
  sampleTemperature: number;
}

interface SampleOptions {
  /** The prompt is text to go on from, not a question to put into the template. */
  raw?: boolean;
  /** Normalised scores of whole sequences. */
  score?: (sequences: number[][]) => Promise<number[]>;
}

/** Completes the config's fixed prompts, with the same seed every time, so that only the model changes. */
export async function writeSamples(
  model: LanguageModel,
  tokenizer: Tokenizer,
  settings: SampleSettings,
  { raw = false, score }: SampleOptions = {},
): Promise<Sample[]> {
  if (settings.samplePrompts.length === 0) return [];
  const newTokens = Math.min(settings.sampleTokens, model.config.contextLength - 1);
  const room = model.config.contextLength - newTokens;
  const prompts = settings.samplePrompts.map((prompt) => {
    if (!raw) return encodePrompt(prompt, tokenizer, room).tokens;
    return lastTokens(textTokens(prompt, tokenizer), room, tokenizer);
  });
  const generations = await generate(model, prompts, {
    maxNewTokens: newTokens,
    temperature: settings.sampleTemperature,
    seed: seedFor(settings.seed, 'samples'),
    stopTokens: stopTokensOf(tokenizer),
    vocabularyLimit: tokenizer.vocabularySize,
  });
  const rewards = await score?.(generations.map(({ tokens }, i) => [...(prompts[i] ?? []), ...tokens]));
  return generations.map(({ tokens }, i) => {
    const text = tokenizer.decode(tokens);
    const reward = rewards?.[i];
    return {
      prompt: settings.samplePrompts[i] ?? '',
      completion: raw ? text : completionText(text, tokenizer),
      ...(reward === undefined ? {} : { reward }),
    };
  });
}
