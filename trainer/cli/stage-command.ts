import type { Command } from 'commander';
import { TrainerError } from '../errors.ts';
import { stageSchemas } from '../stages/schemas.ts';
import { parseConfig } from '../stages/shared/parse-config.ts';
import { type StageContext, type StageName, type StageResult, stageNames } from '../stages/types.ts';
import { addConfigFlags, configFrom, hasConfigFlags } from './config-flags.ts';
import { addDeviceOptions, type DeviceFlags, openFlaggedDevice, shellQuoted } from './options.ts';
import { createProgress } from './progress.ts';
import { type RunInFolder, readRunInFolder } from './run-folder.ts';
import { helpOf, stageFooter } from './stage-help.ts';

interface StageFlags extends DeviceFlags {
  config?: string;
  out?: string;
  resume?: string | true;
  json?: boolean;
  quiet?: boolean;
  [field: string]: unknown;
}

/** Adds a command for every stage. */
export function addStageCommands(program: Command): void {
  for (const stage of stageNames) {
    const command = program
      .command(stage)
      .description(helpOf(stage).what)
      .optionsGroup('The run:')
      .option('--out <folder>', 'the run’s folder; the finished model is in its folder "model"')
      .option(
        '--resume [folder]',
        'go on with the run in --out, or in this folder, whose settings are known; begins it where there is none yet',
      )
      .option('--config <file>', 'JSON file with the stage’s settings; flags come before it')
      .optionsGroup('Output:')
      .option('--json', 'print metrics, samples and the result as JSON lines')
      .option('--quiet', 'print nothing but the result');
    addConfigFlags(command, stageSchemas[stage]);
    addDeviceOptions(command);
    command.addHelpText('after', stageFooter(stage));
    command.action(async (flags: StageFlags) => runStageCommand(stage, flags));
  }
}

async function runStageCommand(stage: StageName, flags: StageFlags): Promise<void> {
  const { folder, found, rawConfig } = chooseRun(stage, flags);
  const where = flags.config ?? `the ${stage} settings`;
  // Checked before anything is opened or written.
  const config = parseConfig(stageSchemas[stage], rawConfig, where);
  const { runStage } = await import('../stages/index.ts');
  const device = await openFlaggedDevice(flags);
  const progress = createProgress(stage, process.stdout, flags);
  const threads = device.threads === 1 ? '1 thread' : `${device.threads} threads`;
  progress.line(`Device: ${device.description}, ${threads}.`);
  if (found?.status === 'finished') progress.line(`${folder} holds this run, finished.`);

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
    runFolder: folder,
    signal: controller.signal,
    onMetrics: (report) => {
      progress.report(report);
      // Steps are synchronous: without a turn of the event loop no signal would ever be seen.
      return new Promise((resolve) => setImmediate(resolve));
    },
    onSamples: (report) => progress.samples(report),
    onMessage: (line) => progress.line(line),
  };
  let result: StageResult;
  try {
    result = await runStage(stage, config, context, where);
  } finally {
    progress.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  const goOn = `touchstone ${stage} --resume ${shellQuoted(folder)}`;
  if (flags.json) process.stdout.write(`${JSON.stringify({ type: 'result', stage, ...result })}\n`);
  else process.stdout.write(`${describeResult(stage, result, goOn)}\n`);
  if (result.status === 'interrupted') process.exitCode = exitCodeOf(signalled ?? 'SIGINT');
}

interface ChosenRun {
  folder: string;
  /** what the folder holds already */
  found: RunInFolder | null;
  rawConfig: Record<string, unknown>;
}

/**
 * Which run is meant: a new one in --out, or one to go on with. A run is gone on with only when --resume says so, so that
 * nobody takes yesterday's half for today's start; its settings are those that it began with.
 *
 * @throws TrainerError one sentence that says what to type instead
 */
function chooseRun(stage: StageName, flags: StageFlags): ChosenRun {
  const { out, resume } = flags;
  const schema = stageSchemas[stage];
  if (typeof resume === 'string' && out !== undefined && out !== resume) {
    throw new TrainerError(`--out ${out} and --resume ${resume} name two folders: give one of them.`);
  }
  const folder = typeof resume === 'string' ? resume : out;
  if (folder === undefined) {
    throw new TrainerError(
      `Where does the run go? Give --out <folder>${resume ? '' : ', or --resume <folder> to go on with one'}.`,
    );
  }
  const found = readRunInFolder(folder);
  if (found && found.stage !== stage) {
    throw new TrainerError(
      `${folder} holds a ${found.stage} run, not a ${stage} run: name another folder, or go on with it by touchstone ${found.stage} --resume ${shellQuoted(folder)}.`,
    );
  }
  if (resume === undefined && found?.status === 'saved') {
    throw new TrainerError(
      `${folder} holds a ${stage} run that stopped after step ${found.step}: add --resume to go on with it, or name another folder.`,
    );
  }
  if (resume !== undefined && !found && flags.config === undefined && !hasConfigFlags(schema, flags)) {
    throw new TrainerError(`${folder} holds no run to go on with, and no settings are given to begin one.`);
  }
  const before = resume !== undefined && found && flags.config === undefined ? found.config : {};
  return { folder, found, rawConfig: configFrom(schema, flags.config, flags, before) };
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
  'rewardMargin',
  'klFromReference',
  'rewardMean',
  'klToReference',
  'entropy',
];

function describeResult(
  stage: StageName,
  { status, checkpoint, metrics }: StageResult,
  goOn: string,
): string {
  const figures = closingMetrics
    .filter((name) => metrics[name] !== undefined)
    .map((name) => `${name} ${(metrics[name] ?? 0).toFixed(4)}`)
    .join(', ');
  const lines = [`${stage} ${status}: ${checkpoint}`, figures];
  if (status === 'interrupted') lines.push(`Go on with: ${goOn}`);
  return lines.filter((line) => line !== '').join('\n');
}
