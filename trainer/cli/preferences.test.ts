import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createProgram } from '../cli.ts';
import { readDemonstrations, readPrompts, readRankings } from '../data/json-lines.ts';
import { openDevice } from '../engine/device.ts';
import { rewardReportSchema } from '../evaluation/reward-report.ts';
import {
  letterTokenizer,
  temporaryFolder,
  tinyModel,
  writeLines,
  writeTiny,
} from '../stages/testing/tiny.ts';

const { folder, remove } = temporaryFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
let model = '';

/** Runs a command in this process and gives what it printed. */
async function touchstone(...args: string[]): Promise<string> {
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    await createProgram().parseAsync(['node', 'touchstone', ...args]);
  } finally {
    write.mockRestore();
  }
  return printed;
}

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = letterTokenizer();
  const start = tinyModel(tokenizer, 1);
  model = await writeTiny(join(folder, 'start'), start, tokenizer);
  start.dispose();
});
afterAll(remove);

describe('from rankings, on the command line', () => {
  const reply = (text: string, rank: number): object => ({
    message_id: text,
    role: 'assistant',
    text,
    rank,
    replies: [],
  });
  const trees = Array.from({ length: 10 }, (_, i) => {
    const texts = ['a', 'bc', 'def'].map((text) => `${text}${'abcdefgh'[i % 8]}`);
    const prompt = {
      message_id: `p${i}`,
      role: 'prompter',
      text: 'abcdefghab'.slice(i),
      replies: texts.map(reply),
    };
    return { message_tree_id: `${i}`, prompt };
  });

  it('imports trees, fits a reward model and a DPO policy to them, and takes the best of n', async () => {
    const file = writeLines(folder, 'trees.jsonl', trees);
    const data = at('data');
    const imported = await touchstone('import', 'oasst', file, '--out', data, '--validation-fraction', '0.3');
    expect(imported).toMatch(/^10 trees: 40 \(\d+ held out\) messages, 10 \(\d\d? held out\) prompts, 10/);
    expect(readdirSync(data).sort()).toEqual([
      'demonstrations.jsonl',
      'documents.jsonl',
      'prompts.jsonl',
      'rankings.jsonl',
      'validation-documents.jsonl',
      'validation-prompts.jsonl',
    ]);
    const rankings = [...readRankings(join(data, 'rankings.jsonl'))];
    expect(new Set(rankings.map(({ split }) => split))).toEqual(new Set(['train', 'validation']));

    const settings = ['--model', model, '--rankings', join(data, 'rankings.jsonl'), '--batch-size', '4'];
    const reward = await touchstone('reward', ...settings, '--out', at('reward'));
    expect(reward).toMatch(/reward completed: .*model\n.*validationAccuracy \d/);
    const report = JSON.parse(readFileSync(at('reward', 'reward-report.json'), 'utf8'));
    expect(rewardReportSchema.parse(report).heldOut?.pairs).toBeGreaterThan(0);

    const dpo = await touchstone('dpo', ...settings, '--out', at('dpo'), '--beta', '0.2');
    expect(dpo).toMatch(/dpo completed: .*model\n.*rewardMargin -?\d.*klFromReference \d/);

    const judges = ['--reward', at('reward', 'model'), '--gold', at('reward', 'model')];
    const best = await touchstone(
      ...['best-of-n', '--model', at('dpo', 'model'), ...judges, '--prompts', join(data, 'prompts.jsonl')],
      ...['-n', '8', '--max-new-tokens', '24', '--out', at('best')],
    );
    expect(best).toMatch(/best of 1: .*\nbest of 2: .*\nbest of 4: .*\nbest of 8: .* KL 1\.204\n/);
    const summary = JSON.parse(readFileSync(at('best', 'summary.json'), 'utf8'));
    const prompts = [...readPrompts(join(data, 'prompts.jsonl'))];
    expect(summary).toMatchObject({ n: 8, prompts: prompts.length });
    // Judged by the very model that chose, the two curves are one.
    for (const { reward: chosen, gold } of summary.bestOf) expect(gold).toEqual(chosen);
    const demonstrations = [...readDemonstrations(at('best', 'demonstrations.jsonl'))];
    expect(demonstrations).toHaveLength(summary.demonstrations);
    expect(demonstrations.length).toBeGreaterThan(0);
  });

  it('leaves nothing behind where an input is wrong', async () => {
    const none = writeLines(folder, 'none.jsonl', []);
    const out = ['--out', at('nothing')];
    await expect(touchstone('import', 'oasst', none, ...out)).rejects.toThrow(
      `${none} has no prompt: expected at least one tree.`,
    );
    const [policy, prompts] = [
      ['--model', model, '--reward', model],
      ['--prompts', none],
    ];
    await expect(touchstone('best-of-n', ...policy, ...prompts, ...out)).rejects.toThrow(
      'none.jsonl has no prompt to complete',
    );
    await expect(touchstone('dpo', '--model', model, '--rankings', none, ...out)).rejects.toThrow(
      'none.jsonl has no ranking to train on: 0 lines',
    );
    expect(existsSync(at('nothing'))).toBe(false);
  });
});
