import { stopTokensOf } from '../../data/conversation.ts';
import { encodeDemonstrations, encodePrompt } from '../../data/demonstrations.ts';
import { readDemonstrations } from '../../data/json-lines.ts';
import type { Prompt } from '../../data/template.ts';
import { TrainerError } from '../../errors.ts';
import { loadLanguageModel } from '../../model/checkpoint.ts';
import { generate } from '../../model/generate.ts';
import type { ScalarModel } from '../../model/scalar-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { moments } from './advantages.ts';
import { scoreSequences } from './episodes.ts';
import { seedFor } from './seeds.ts';

/** The normalised score is gain · score + bias. */
export interface Normalization {
  gain: number;
  bias: number;
}

/** The part of a reward model's config that says how its score is normalised. */
export interface NormalizationSettings {
  seed: number;
  model: string;
  normalization: 'completions' | 'samples' | 'demonstrations' | 'none';
  demonstrations: string | null;
  normalizationSamples: number;
  normalizationTokens: number;
}

/**
 * Gain and bias of the normalised score: mean 0 and standard deviation 1 over the completions that were learned from, or
 * over samples of the reference policy (lm-human-preferences), or demonstrations at mean 0 (InstructGPT, appendix C.2).
 * A pair's difference does not know the bias, so the score head has none: this one is found afterwards.
 *
 * @throws TrainerError when all scores are the same, or no demonstration fits the context
 */
export async function normalize(
  model: ScalarModel,
  rankings: readonly { prompt: Prompt; sequences: readonly number[][] }[],
  tokenizer: Tokenizer,
  config: NormalizationSettings,
): Promise<Normalization> {
  const score = (sequences: readonly number[][]): Promise<number[]> =>
    scoreSequences(model, sequences, { padding: tokenizer.padding, chunk: 64 });
  switch (config.normalization) {
    case 'none':
      return { gain: 1, bias: 0 };
    case 'completions':
      return standardize(await score(rankings.flatMap(({ sequences }) => sequences)));
    case 'samples':
      return standardize(await score(await sampleSequences(rankings, tokenizer, config)));
    case 'demonstrations': {
      const scores = await score(demonstrated(model, tokenizer, config));
      return { gain: 1, bias: -moments(scores).mean };
    }
  }
}

function standardize(scores: readonly number[]): Normalization {
  const { mean, variance } = moments(scores);
  if (!(variance > 0)) {
    throw new TrainerError(
      'Every completion has the same score: expected scores that differ, to normalise them.',
    );
  }
  const gain = 1 / Math.sqrt(variance);
  return { gain, bias: -mean * gain };
}

/** What the SFT model writes to the prompts of the rankings, each prompt as often as the others. */
async function sampleSequences(
  rankings: readonly { prompt: Prompt }[],
  tokenizer: Tokenizer,
  { seed, model, normalizationSamples, normalizationTokens }: NormalizationSettings,
): Promise<number[][]> {
  const policy = await loadLanguageModel(model);
  try {
    const newTokens = Math.min(normalizationTokens, policy.config.contextLength - 1);
    const distinct = [...new Map(rankings.map(({ prompt }) => [JSON.stringify(prompt), prompt])).values()];
    const prompts = Array.from({ length: normalizationSamples }, (_, i) => {
      const prompt = distinct[i % distinct.length] ?? '';
      return encodePrompt(prompt, tokenizer, policy.config.contextLength - newTokens).tokens;
    });
    const generations = await generate(policy, prompts, {
      maxNewTokens: newTokens,
      temperature: 1,
      seed: seedFor(seed, 'normalization'),
      stopTokens: stopTokensOf(tokenizer),
      vocabularyLimit: tokenizer.vocabularySize,
    });
    return generations.map(({ tokens }, i) => [...(prompts[i] ?? []), ...tokens]);
  } finally {
    policy.dispose();
  }
}

function demonstrated(
  model: ScalarModel,
  tokenizer: Tokenizer,
  { demonstrations }: NormalizationSettings,
): number[][] {
  const context = model.trunk.config.contextLength;
  const lines = demonstrations === null ? [] : readDemonstrations(demonstrations);
  const { examples } = encodeDemonstrations(lines, tokenizer, context);
  if (examples.length === 0) {
    throw new TrainerError(
      `${demonstrations} has no demonstration that fits the context of ${context} tokens.`,
    );
  }
  return examples.map(({ prompt, response }) => [...prompt, ...response]);
}
