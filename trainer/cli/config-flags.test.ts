import { Command } from 'commander';
import { expect, it } from 'vitest';
import { stageSchemas } from '../stages/schemas.ts';
import { addConfigFlags, configFrom } from './config-flags.ts';

it('a list of data sources is given file by file, with or without a weight, under whatever name it has', () => {
  const command = new Command();
  addConfigFlags(command, stageSchemas.ppo);
  const flags = ['--ptx-source', 'a.jsonl=2.5', '--ptx-source', 'b.txt', '--ema-decay', '0.992'];
  command.parse(flags, { from: 'user' });
  expect(configFrom(stageSchemas.ppo, undefined, command.opts())).toEqual({
    ptxSources: [{ path: 'a.jsonl', weight: 2.5 }, { path: 'b.txt' }],
    emaDecay: 0.992,
  });
});
