/** For what is named in no group. */
const ALGORITHM = 'The algorithm:';

/** The groups in which `--help` shows the settings of a stage, and what belongs to each. In this order. */
const groups: Record<string, readonly string[]> = {
  'Data and models:': [
    'sources',
    'model',
    'reward',
    'reference',
    'prompts',
    'rankings',
    'pairs',
    'demonstrations',
    'pretraining',
    'validation',
    'validationFraction',
    'tokenizer',
    'tokenizerKind',
    'vocabularySize',
  ],
  'Shape of the model:': ['family', 'context', 'width', 'layers', 'heads', 'keyValueHeads', 'feedForward'],
  'Length and batches:': [
    'seed',
    'steps',
    'epochs',
    'iterations',
    'batchSize',
    'minibatches',
    'microBatchSize',
    'maxNewTokens',
  ],
  [ALGORITHM]: [],
  'Optimizer:': [
    'learningRate',
    'valueLearningRate',
    'schedule',
    'warmupSteps',
    'finalLearningRateFraction',
    'weightDecay',
    'beta1',
    'beta2',
    'epsilon',
    'epsilonForm',
    'gradientClip',
    'dropout',
  ],
  'Adapters and memory:': ['lora', 'gradientCheckpointing'],
  'Measurements, checkpoints and samples:': [
    'validateEvery',
    'validationRows',
    'checkpointEvery',
    'keepCheckpointEvery',
    'samplePrompts',
    'sampleEvery',
    'sampleTokens',
    'sampleTemperature',
  ],
};

/** The heading under which a field of a config stands. */
export function groupOf(key: string): string {
  return Object.entries(groups).find(([, keys]) => keys.includes(key))?.[0] ?? ALGORITHM;
}

/** Where a group stands in the help. */
export function placeOf(group: string): number {
  return Object.keys(groups).indexOf(group);
}
