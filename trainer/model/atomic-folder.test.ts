import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { readRunState } from '../stages/shared/run-state.ts';
import { recoverFolder, replaceFolder } from './atomic-folder.ts';
import { loadLanguageModel } from './checkpoint.ts';
import { readSafetensors } from './safetensors.ts';

const root = mkdtempSync(join(tmpdir(), 'touchstone-atomic-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const writeForever = fileURLToPath(new URL('./testing/write-forever.mjs', import.meta.url));
const writeBeyondLimit = fileURLToPath(new URL('./testing/write-beyond-limit.mjs', import.meta.url));

/** The one number of every value; fails when they differ. */
function numberIn(file: string): number {
  const data = readSafetensors(file).get('w')?.data ?? new Float32Array();
  expect(new Set(data).size).toBe(1);
  return data[0] ?? Number.NaN;
}

function write(folder: string, value: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'x'), value);
}

const read = (folder: string) => readFileSync(join(folder, 'x'), 'utf8');

describe('a checkpoint and a state', () => {
  // Each round starts a process, which takes long on a busy machine.
  it('are the old or the new one, whole, whenever the process that writes them is killed', {
    timeout: 180_000,
  }, async () => {
    const folder = mkdtempSync(join(root, 'killed-'));
    const random = new Random(3);
    let last = 0;
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [writeForever, folder, String(last + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const gone = once(child, 'exit');
      try {
        await once(child.stdout, 'data');
        await wait(random.integer(25));
      } finally {
        child.kill('SIGKILL');
      }
      await gone;

      const model = join(folder, 'model');
      recoverFolder(model);
      const number = numberIn(join(model, 'model.safetensors'));
      expect(readFileSync(join(model, 'config.json'), 'utf8')).toBe(String(number));
      expect(readFileSync(join(model, 'tokenizer.json'), 'utf8')).toBe(String(number));
      const state = readRunState(folder);
      const saved = state?.tensors.get('w')?.data ?? new Float32Array();
      expect(new Set(saved)).toEqual(new Set([state?.step]));
      expect(state?.metrics.number).toBe(state?.step);
      expect(number).toBeGreaterThan(last);
      expect([number, number - 1]).toContain(state?.step);
      last = number;
    }
    // What the killed left behind goes when the next one writes.
    await replaceFolder(join(folder, 'model'), (temporary) => write(temporary, 'end'));
    expect(readdirSync(folder).filter((name) => name.startsWith('.model'))).toEqual([]);
  });

  it('on a full disk lose only themselves, say so in one sentence, and leave the ones before usable', {
    timeout: 180_000,
  }, async () => {
    const folder = mkdtempSync(join(root, 'full-'));
    // A file may grow to 64 blocks of 1024 bytes: the first checkpoint fits, the second does not.
    const limited = `ulimit -f 64; exec "${process.execPath}" "${writeBeyondLimit}" "${folder}"`;
    const [checkpoint, state, ...more] = JSON.parse(
      execFileSync('bash', ['-c', limited], { encoding: 'utf8' }),
    );
    expect(checkpoint).toMatch(/^Cannot write the checkpoint .*model \(EFBIG: file too large, write\)\.$/);
    expect(state).toMatch(
      /^Cannot save the state of step 2 in .* \(EFBIG: .*\): the run stops, and can go on from the state that was saved before\.$/,
    );
    expect(more).toEqual([]);
    await openDevice('cpu');
    expect((await loadLanguageModel(join(folder, 'model'))).config.width).toBe(8);
    expect(readRunState(folder)?.step).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(['model', 'state-1.safetensors', 'state.json']);
  });

  it('are found by a reader that comes after a kill between the two renames', () => {
    const folder = join(mkdtempSync(join(root, 'between-')), 'model');
    const [ready, old] = ['ready', 'old'].map((ending) => join(folder, '..', `.model.${ending}`));
    write(ready ?? '', 'new');
    write(old ?? '', 'old');
    recoverFolder(folder);
    expect(read(folder)).toBe('new');
    renameSync(folder, join(folder, '..', 'away'));
    recoverFolder(folder);
    expect(read(folder)).toBe('old');
    // Killed before the first rename: the old one stands, and the new one gives way to the next.
    write(ready ?? '', 'new');
    recoverFolder(folder);
    expect(read(folder)).toBe('old');
    recoverFolder(join(folder, '..', 'none'));
    expect(existsSync(join(folder, '..', 'none'))).toBe(false);
  });

  it('are replaced whole, and stay as they were when writing fails', async () => {
    const parent = mkdtempSync(join(root, 'replaced-'));
    const folder = join(parent, 'deep', 'model');
    await replaceFolder(folder, (temporary) => write(temporary, 'first'));
    writeFileSync(join(folder, 'left-over'), '');
    await replaceFolder(folder, (temporary) => write(temporary, 'second'));
    expect(readdirSync(folder)).toEqual(['x']);
    const failing = replaceFolder(folder, (temporary) => {
      write(temporary, 'third');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(read(folder)).toBe('second');
    expect(readdirSync(join(parent, 'deep'))).toEqual(['model']);
  });
});
