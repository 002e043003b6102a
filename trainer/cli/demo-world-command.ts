import type { Command } from 'commander';
import { parseNumber, parsePositive } from './options.ts';

interface DemoWorldFlags {
  out: string;
  seed: number;
  documents?: number;
  demonstrations?: number;
  rankings?: number;
}

/** Adds `demo-world`. */
export function addDemoWorldCommand(program: Command): void {
  program
    .command('demo-world')
    .description(
      'writes a made-up world: documents, demonstrations, rankings, prompts, a config for each stage',
    )
    .requiredOption('--out <folder>', 'where the files go')
    .option('--seed <number>', 'which world', parseNumber, 1)
    .option('--documents <number>', 'documents to write', parsePositive)
    .option('--demonstrations <number>', 'demonstrations to write', parsePositive)
    .option('--rankings <number>', 'rankings to write', parsePositive)
    .action(async ({ out, seed, ...counts }: DemoWorldFlags) => {
      const [{ writeWorld }, { createWorld }] = await Promise.all([
        import('../world/files.ts'),
        import('../world/index.ts'),
      ]);
      const written = writeWorld(createWorld(seed), out, counts);
      process.stdout.write(
        `The world of seed ${seed}: ${out}\n${written.map((name) => `  ${name}`).join('\n')}\n`,
      );
    });
}
