import { type Command, InvalidArgumentError, Option } from 'commander';
import { WEIGHT_TYPES, type WeightType } from '../model/element-types.ts';

interface ConvertFlags {
  model: string;
  out: string;
  dtype: WeightType;
  shardSize?: number;
}

/** Adds `convert`. */
export function addConvertCommand(program: Command): void {
  program
    .command('convert')
    .description('writes a checkpoint folder anew: as another type, in shards, or as one file')
    .requiredOption('--model <folder>', 'checkpoint folder: a language model or a reward model')
    .requiredOption('--out <folder>', 'the folder to write')
    .addOption(
      new Option('--dtype <type>', 'how weights are stored')
        .choices(Object.keys(WEIGHT_TYPES))
        .default('float32'),
    )
    .option(
      '--shard-size <size>',
      'most bytes of weights in a file, such as 2GB or 500MB (default: 5GB)',
      parseBytes,
    )
    .action(runConvert);
}

async function runConvert({ model: folder, out, dtype, shardSize }: ConvertFlags): Promise<void> {
  const { openDevice } = await import('../engine/device.ts');
  const {
    holdsScalarModel,
    loadLanguageModel,
    loadScalarModel,
    loadTokenizer,
    readMetadata,
    saveCheckpoint,
  } = await import('../model/checkpoint.ts');
  // Nothing is computed: the device that keeps tensors as they are loaded.
  await openDevice('cpu');
  const tokenizer = loadTokenizer(folder);
  const metadata = readMetadata(folder);
  const model = holdsScalarModel(folder) ? await loadScalarModel(folder) : await loadLanguageModel(folder);
  await saveCheckpoint(out, { model, tokenizer, metadata }, { dtype, shardBytes: shardSize });
  process.stdout.write(`${WEIGHT_TYPES[dtype].torch}: ${out}\n`);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** Bytes, as a number with a unit or without. */
function parseBytes(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  const bytes = Math.floor(Number(number) * (factor ?? Number.NaN));
  if (!(bytes >= 1)) throw new InvalidArgumentError('expected a size such as 2GB, 500MB or 1GiB.');
  return bytes;
}
