import type { PpoInput } from '../stages/ppo.config.ts';
import type { PretrainInput } from '../stages/pretrain.config.ts';
import type { RewardInput } from '../stages/reward.config.ts';
import type { SftInput } from '../stages/sft.config.ts';

/** Everything that decides how the demo's round runs, except where its files lie. */
export interface DemoRecipe {
  /** How many documents of the world to pretrain on. */
  documents: number;
  labels: {
    /** Demonstrations, one a training prompt. */
    demonstrations: number;
    /** Rankings that the reward model learns from, one a training prompt. */
    rankings: number;
    /** Rankings of validation prompts, on which the reward model's accuracy is measured. */
    heldOutRankings: number;
    /** Held-out prompts that a second labeler ranks too, to measure how far labelers agree. */
    doubleRankings: number;
    /** Completions in a ranking, at most: duplicates are not shown. */
    completionsPerRanking: number;
    /** Samples drawn for a ranking, from which the first different ones are taken. */
    samplesPerRanking: number;
  };
  /** How every model writes: to be ranked, in PPO, and to be compared. */
  sampling: { temperature: number; maxNewTokens: number };
  /** Evaluation prompts, at most, on which base, SFT and PPO are compared. */
  evaluationPrompts: number;
  pretrain: Omit<PretrainInput, 'sources'>;
  sft: Omit<SftInput, 'model' | 'demonstrations'>;
  reward: Omit<RewardInput, 'model' | 'rankings'>;
  ppo: Omit<PpoInput, 'model' | 'reward' | 'prompts'>;
}

/**
 * The demo's round: a model of 0.9 million parameters, trained from nothing on two cores in about two minutes.
 * The learning rates are far above InstructGPT's because the model is a thousand times smaller.
 */
export function demoRecipe(seed: number): DemoRecipe {
  const sampling = { temperature: 1, maxNewTokens: 32 };
  return {
    documents: 24_000,
    labels: {
      demonstrations: 500,
      rankings: 500,
      heldOutRankings: 150,
      doubleRankings: 150,
      completionsPerRanking: 6,
      samplesPerRanking: 8,
    },
    sampling,
    evaluationPrompts: 400,
    pretrain: {
      seed,
      vocabularySize: 512,
      context: 64,
      width: 128,
      layers: 3,
      heads: 4,
      steps: 1300,
      batchSize: 16,
      learningRate: 3e-3,
      warmupSteps: 40,
      validationFraction: 0.02,
      validationRows: 24,
      validateEvery: 100,
      checkpointEvery: 100,
      sampleEvery: 100,
      sampleTokens: 32,
    },
    sft: {
      seed,
      epochs: 6,
      batchSize: 32,
      learningRate: 5e-4,
      dropout: 0.1,
      validateEvery: 25,
      checkpointEvery: 50,
      sampleEvery: 25,
      sampleTokens: sampling.maxNewTokens,
    },
    reward: {
      seed,
      epochs: 4,
      batchSize: 16,
      learningRate: 7e-4,
      dropout: 0.2,
      validateEvery: 10,
      checkpointEvery: 25,
    },
    ppo: {
      seed,
      iterations: 25,
      batchSize: 128,
      minibatches: 4,
      epochs: 2,
      ...sampling,
      learningRate: 2e-4,
      valueLearningRate: 5e-4,
      valueWarmupIterations: 1,
      beta: 0.3,
      missingEndOfTextScore: -2,
      checkpointEvery: 5,
      sampleEvery: 5,
      sampleTokens: sampling.maxNewTokens,
    },
  };
}
