import { Command, CommanderError } from 'commander';
import { addBestOfNCommand } from './cli/best-of-n-command.ts';
import { addConvertCommand } from './cli/convert-command.ts';
import { addDemoWorldCommand } from './cli/demo-world-command.ts';
import { addDevicesCommand } from './cli/devices-command.ts';
import { addEvaluateCommand } from './cli/evaluate-command.ts';
import { addImportCommand } from './cli/import-command.ts';
import { addMergeAdapterCommand } from './cli/merge-adapter-command.ts';
import { addSampleCommand } from './cli/sample-command.ts';
import { addStageCommands } from './cli/stage-command.ts';
import { overview } from './cli/stage-help.ts';
import { addTokenizerCommand } from './cli/tokenizer-command.ts';
import { messageOf } from './errors.ts';
import { trainerVersion } from './stages/shared/version.ts';

/** The whole command line: `touchstone pretrain|sft|reward|ppo|…|sample|evaluate|tokenizer|convert|devices|demo-world`. */
export function createProgram(): Command {
  const program = new Command('touchstone')
    .description(
      'Trains language models from human judgement, on files: JSON lines in, Hugging Face folders out.',
    )
    .version(trainerVersion())
    .usage('<command> [options]')
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(`touchstone: ${asSentence(text)}\n`) })
    .exitOverride()
    .commandsGroup('Training:');
  addStageCommands(program);
  program.commandsGroup('Using and measuring models:');
  addSampleCommand(program);
  addBestOfNCommand(program);
  addImportCommand(program);
  addEvaluateCommand(program);
  program.commandsGroup('Tools:');
  addTokenizerCommand(program);
  addConvertCommand(program);
  addMergeAdapterCommand(program);
  addDevicesCommand(program);
  addDemoWorldCommand(program);
  return program.addHelpText('after', overview);
}

/** Commander's error as one sentence: `unknown option '--steeps' (did you mean --steps?).` */
function asSentence(text: string): string {
  const sentence = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (one of )?(.+?)\?\)$/, ' (did you mean $1$2?)');
  return sentence.endsWith('.') ? sentence : `${sentence}.`;
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
