import { z } from 'zod';
import * as field from './shared/fields.ts';

/** Settings of reinforcement learning from the reward model: proximal policy optimization (Schulman et al. 2017). */
export const ppoConfig = z
  .strictObject({
    seed: field.seed,
    model: field.path.describe(
      'Checkpoint folder of the SFT model: the policy starts from it, the reference stays it.',
    ),
    reward: field.path.describe(
      'Checkpoint folder of the reward model; the value model starts from it. IG: the same.',
    ),
    prompts: field.path.describe('JSON lines of { prompt, id? } to write completions for.'),

    iterations: field.positiveInteger
      .default(100)
      .describe('Rounds of rollout and update; one is one step of the run.'),
    batchSize: field.positiveInteger
      .default(64)
      .describe('Completions (episodes) of one iteration. IG: 512.'),
    minibatches: field.positiveInteger
      .default(4)
      .describe('Optimizer steps in one epoch over the batch; must divide batchSize. IG: 8.'),
    epochs: field.positiveInteger
      .default(2)
      .describe('Passes over the batch in one iteration. IG: 1; LMHP: 4.'),
    microBatchSize: field.microBatch('Episodes'),
    rolloutBatchSize: field.positiveInteger
      .default(64)
      .describe(
        'Completions written and scored together, then kept on disk: what a kill in mid-rollout costs at most.',
      ),
    maxNewTokens: field.positiveInteger.default(48).describe('Longest completion, in tokens.'),
    temperature: field.positive
      .default(1)
      .describe('Divides the logits in rollout, reference and training alike. IG: 1; LMHP: 0.7.'),

    learningRate: field
      .learningRate(3e-5)
      .describe('Peak learning rate of the policy. IG: 9.65e-6 at 1.3B and 6B.'),
    valueLearningRate: field.positive
      .default(1e-4)
      .describe('Peak learning rate of the value model. IG: 9e-6 at 6B.'),
    ...field.schedule('constant', 0, 0.1),
    warmupSteps: field.wholeNumber
      .default(0)
      .describe('Iterations of linear rise from 0 to the peak. IG: 10, the first at a tenth of the peak.'),
    weightDecay: field.weightDecay(0),
    ...field.optimizer,
    valueWarmupIterations: field.wholeNumber
      .default(0)
      .describe('First iterations in which only the value model learns, so that advantages mean something.'),

    ptxSources: z
      .array(
        z.strictObject({
          path: field.path.describe('JSON lines of { text, source? }, or a .txt file: one document.'),
          weight: field.positive
            .default(1)
            .describe('Share of rows drawn from it, relative to the other sources.'),
        }),
      )
      .default([])
      .describe(
        'PPO-ptx (IG, equation 2): pretraining data whose loss is mixed into the policy’s; none: plain PPO.',
      ),
    ptxCoefficient: field.positive
      .default(27.8)
      .describe(
        'PPO-ptx: γ, factor of the pretraining loss (nats per token, mean) beside the policy loss. IG: 27.8.',
      ),
    ptxRowsPerEpisode: field.positiveInteger
      .default(8)
      .describe('PPO-ptx: pretraining rows for each episode of a minibatch, new ones in each epoch. IG: 8.'),
    ptxRowLength: field.positiveInteger
      .nullable()
      .default(null)
      .describe('PPO-ptx: tokens of a row; null: the policy’s context. IG: 2048, the context.'),

    emaDecay: z
      .number()
      .gt(0)
      .lt(1)
      .nullable()
      .default(null)
      .describe(
        'Decay per optimizer step of a moving average of the policy’s weights; null: none. IG: 0.992.',
      ),
    exportedWeights: z
      .enum(['last', 'ema'])
      .default('last')
      .describe(
        'With emaDecay, which weights model/ holds; the others go beside it, to model-ema/ or model-last/.',
      ),

    gamma: field.fraction.default(1).describe('Discount of later rewards. IG, LMHP: 1.'),
    lambda: field.fraction
      .default(0.95)
      .describe('GAE: weight of longer returns (Schulman et al. 2015). IG, LMHP: 0.95.'),
    ratioClip: field.positive.default(0.2).describe('Policy ratio is clipped to 1 ± this. IG, LMHP: 0.2.'),
    earlyStopKl: field.positive
      .nullable()
      .default(null)
      .describe(
        'Approximate KL (old to new policy, nats per token) of a minibatch, beyond which the policy rests until the next iteration. TRL, Spinning Up: 1.5 × a target.',
      ),
    valueClip: field.positive
      .default(0.2)
      .describe(
        'New values are clipped to the rollout’s ± this, in units of the normalised score. IG, LMHP: 0.2.',
      ),
    valueCoefficient: field.positive
      .default(0.1)
      .describe(
        'Factor of the value loss (half the squared error), before its own gradient clip. LMHP: 0.1.',
      ),
    whitenAdvantages: z
      .enum(['minibatch', 'batch', 'none'])
      .default('minibatch')
      .describe('Over which real tokens advantages get mean 0 and variance 1. LMHP: minibatch.'),
    whitenRewards: z
      .boolean()
      .default(false)
      .describe('Divide rewards by their standard deviation, keeping the mean. LMHP: yes; IG: not named.'),

    beta: field.nonNegative
      .default(0.02)
      .describe(
        'Coefficient of the per-token KL to the reference in the reward (first value if adaptive). IG: 0.02.',
      ),
    betaMode: z
      .enum(['fixed', 'adaptive'])
      .default('fixed')
      .describe('Whether β follows klTarget. IG: fixed; LMHP: adaptive.'),
    klTarget: field.positive.default(6).describe('Adaptive β: wanted KL per episode, in nats. LMHP: 6.'),
    klHorizon: field.positive
      .default(10_000)
      .describe('Adaptive β: episodes over which it adapts. LMHP: 10,000.'),

    missingEndOfTextScore: z
      .number()
      .nullable()
      .default(-1)
      .describe(
        'Score of a completion that never ended, in place of the reward model’s. LMHP: −1. null: see the penalty.',
      ),
    missingEndOfTextPenalty: field.nonNegative
      .default(0)
      .describe('Taken off the score of a completion that never ended, when missingEndOfTextScore is null.'),

    checkpointEvery: field.checkpointEvery(5),
    keepCheckpointEvery: field.keepCheckpointEvery,
    ...field.samples(10, 48),
    lineage: field.lineage,
  })
  .superRefine((config, context) => {
    if (config.batchSize % config.minibatches !== 0) {
      context.addIssue({
        code: 'custom',
        path: ['minibatches'],
        message: `must divide batchSize (${config.batchSize}), ${config.minibatches} does not`,
      });
    }
    if (config.exportedWeights === 'ema' && config.emaDecay === null) {
      context.addIssue({
        code: 'custom',
        path: ['exportedWeights'],
        message: 'is "ema" and there is no average to export; set emaDecay too',
      });
    }
    if (config.missingEndOfTextScore !== null && config.missingEndOfTextPenalty !== 0) {
      context.addIssue({
        code: 'custom',
        path: ['missingEndOfTextPenalty'],
        message: 'has no effect unless missingEndOfTextScore is null; set only one of them',
      });
    }
  });

export type PpoConfig = z.output<typeof ppoConfig>;
export type PpoInput = z.input<typeof ppoConfig>;
