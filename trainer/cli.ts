import { Command, CommanderError } from 'commander';
import { addBestOfNCommand } from './cli/best-of-n-command.ts';
import { addConvertCommand } from './cli/convert-command.ts';
import { addDemoWorldCommand } from './cli/demo-world-command.ts';
import { addDevicesCommand } from './cli/devices-command.ts';
import { addEvaluateCommand } from './cli/evaluate-command.ts';
import { addImportCommand } from './cli/import-command.ts';
import { addSampleCommand } from './cli/sample-command.ts';
import { addStageCommands } from './cli/stage-command.ts';
import { addTokenizerCommand } from './cli/tokenizer-command.ts';
import { messageOf } from './errors.ts';
import { trainerVersion } from './stages/shared/version.ts';

/**
 * The whole command line: `touchstone pretrain|sft|reward|ppo|dpo|tokenizer|sample|best-of-n|import|evaluate|convert|devices|
 * demo-world`.
 */
export function createProgram(): Command {
  const program = new Command('touchstone')
    .description(
      'Trains language models from human judgement, on files: JSON lines in, Hugging Face folders out.',
    )
    .version(trainerVersion())
    .showSuggestionAfterError()
    .exitOverride();
  addStageCommands(program);
  addTokenizerCommand(program);
  addSampleCommand(program);
  addBestOfNCommand(program);
  addImportCommand(program);
  addEvaluateCommand(program);
  addConvertCommand(program);
  addDevicesCommand(program);
  addDemoWorldCommand(program);
  return program;
}

/**
 * Runs the command line and sets the process's exit code: 0, 1 for an error (one sentence on stderr; the stack only with
 * TOUCHSTONE_DEBUG set), 130 or 143 after SIGINT or SIGTERM.
 *
 * @param argv as in process.argv: the first two entries are passed over
 */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    // Commander has already printed its message, or the help that was asked for.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 1;
      return;
    }
    process.stderr.write(`touchstone: ${messageOf(error)}\n`);
    if (process.env.TOUCHSTONE_DEBUG) console.error(error);
    process.exitCode = 1;
  }
}
