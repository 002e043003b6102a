import type { Command } from 'commander';
import { stageSchemas } from '../stages/schemas.ts';
import { parseConfig } from '../stages/shared/parse-config.ts';
import { type StageContext, type StageName, type StageResult, stageNames } from '../stages/types.ts';
import { addConfigFlags, configFrom } from './config-flags.ts';
import { addDeviceOptions, type DeviceFlags, openFlaggedDevice } from './options.ts';
import { createProgress } from './progress.ts';

const descriptions: Record<StageName, string> = {
  pretrain: 'trains a tokenizer and a base model on documents',
  sft: 'fine-tunes a model on demonstrations',
  reward: 'fits a reward model to rankings',
  ppo: 'improves a model against a reward model',
  dpo: 'improves a model on rankings directly, without a reward model',
};

interface StageFlags extends DeviceFlags {
  config?: string;
  out: string;
  [field: string]: unknown;
}

/** Adds `pretrain`, `sft`, `reward`, `ppo` and `dpo`. */
export function addStageCommands(program: Command): void {
  for (const stage of stageNames) {
    const command = program
      .command(stage)
      .description(`${descriptions[stage]}; continues when --out holds an unfinished run of the same config`)
      .requiredOption('--out <folder>', 'the run’s folder; the finished model is in its folder "model"')
      .option('--config <file>', 'JSON file with the stage’s settings; flags come before it');
    addDeviceOptions(command);
    addConfigFlags(command, stageSchemas[stage]);
    command.action(async (flags: StageFlags) => runStageCommand(stage, flags));
  }
}

async function runStageCommand(stage: StageName, flags: StageFlags): Promise<void> {
  const where = flags.config ?? `the ${stage} settings`;
  // Checked before anything is opened or written.
  const config = parseConfig(
    stageSchemas[stage],
    configFrom(stageSchemas[stage], flags.config, flags),
    where,
  );
  const { runStage } = await import('../stages/index.ts');
  const device = await openFlaggedDevice(flags);
  const progress = createProgress(stage, process.stdout);
  const threads = device.threads === 1 ? '1 thread' : `${device.threads} threads`;
  progress.line(`Device: ${device.description}, ${threads}.`);

  const controller = new AbortController();
  let signalled: NodeJS.Signals | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    // A second signal means now.
    if (signalled !== null) process.exit(exitCodeOf(signal));
    signalled = signal;
    progress.line(`${signal}: saving after this step; once more to leave at once.`);
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const context: StageContext = {
    runFolder: flags.out,
    signal: controller.signal,
    onMetrics: (report) => {
      progress.report(report);
      // Steps are synchronous: without a turn of the event loop no signal would ever be seen.
      return new Promise((resolve) => setImmediate(resolve));
    },
    onSamples: ({ step, samples }) => {
      for (const { prompt, completion, reward } of samples) {
        const score = reward === undefined ? '' : `  (reward ${reward.toFixed(2)})`;
        progress.line(`step ${step}  ${JSON.stringify(prompt)} → ${JSON.stringify(completion)}${score}`);
      }
    },
    onMessage: (line) => progress.line(line),
  };
  let result: StageResult;
  try {
    result = await runStage(stage, config, context, where);
  } finally {
    progress.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  process.stdout.write(`${describeResult(stage, result)}\n`);
  if (result.status === 'interrupted') process.exitCode = exitCodeOf(signalled ?? 'SIGINT');
}

function exitCodeOf(signal: NodeJS.Signals): number {
  return signal === 'SIGTERM' ? 143 : 130;
}

const closingMetrics = [
  'loss',
  'bitsPerByte',
  'validationLoss',
  'validationBitsPerByte',
  'accuracy',
  'validationAccuracy',
  'validationAccuracyLow',
  'validationAccuracyHigh',
  'labelerAgreement',
  'rewardMean',
  'rewardMargin',
  'klToReference',
  'klFromReference',
  'entropy',
];

function describeResult(stage: StageName, { status, checkpoint, metrics }: StageResult): string {
  const figures = closingMetrics
    .filter((name) => metrics[name] !== undefined)
    .map((name) => `${name} ${(metrics[name] ?? 0).toFixed(4)}`)
    .join(', ');
  return `${stage} ${status}: ${checkpoint}\n${figures}`;
}
