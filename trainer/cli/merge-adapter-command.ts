import type { Command } from 'commander';
import { TrainerError } from '../errors.ts';
import { addDeviceOptions, type DeviceFlags, openFlaggedDevice } from './options.ts';

interface MergeFlags extends DeviceFlags {
  model: string;
  adapter: string;
  out: string;
}

/** Adds `merge-adapter`. */
export function addMergeAdapterCommand(program: Command): void {
  const command = program
    .command('merge-adapter')
    .description('puts a LoRA adapter (PEFT’s format) into the weights that it was trained on')
    .requiredOption('--model <folder>', 'checkpoint folder of the base model')
    .requiredOption('--adapter <folder>', 'folder of adapter_config.json and adapter_model.safetensors')
    .requiredOption('--out <folder>', 'where the merged checkpoint goes');
  addDeviceOptions(command).action(mergeAdapter);
}

async function mergeAdapter(flags: MergeFlags): Promise<void> {
  const { resolve } = await import('node:path');
  if ([flags.model, flags.adapter].some((folder) => resolve(folder) === resolve(flags.out))) {
    throw new TrainerError(`--out ${flags.out} is one of the folders that are read: expected another one.`);
  }
  const { loadLanguageModel, loadTokenizer, readMetadata, saveCheckpoint } = await import(
    '../model/checkpoint.ts'
  );
  const { loadAdapter } = await import('../model/adapter-files.ts');
  const { trainerVersion } = await import('../stages/shared/version.ts');
  await openFlaggedDevice(flags);
  const base = await loadLanguageModel(flags.model);
  const adapted = loadAdapter(flags.adapter, base);
  const merged = adapted.clone();
  const known = readMetadata(flags.model);
  await saveCheckpoint(flags.out, {
    model: merged,
    tokenizer: loadTokenizer(flags.model),
    metadata: {
      stage: known?.stage ?? 'sft',
      parent: flags.model,
      dataset: null,
      config: { mergedAdapter: flags.adapter },
      seed: known?.seed ?? 0,
      codeVersion: trainerVersion(),
      metrics: {},
    },
  });
  const layers = adapted.adapter?.layers.length ?? 0;
  process.stdout.write(`${layers} layers of ${flags.model} changed by ${flags.adapter}: ${flags.out}\n`);
  for (const model of [merged, adapted, base]) model.dispose();
}
