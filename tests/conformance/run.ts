/** Runs tfjs-core's specs on tfjs's CPU backend and on the native device, and compares. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAddon } from '@touchstone/trainer/engine/native/addon.ts';
import { bundleSpecs } from './bundle.ts';
import { compare, type Verdict } from './compare.ts';
import { type Run, readRun } from './record.ts';

/** A process that takes longer hangs in a spec. Alone on a core it needs about ten seconds. */
const MOST_SECONDS = 300;
/** Processes at a time: the machine's other cores are somebody's. */
const AT_A_TIME = 2;

/** Of the specs of tfjs-core 4.22, 4,227 pass on its CPU backend: with far fewer, the run itself is at fault. */
const LEAST_SPECS = 4200;

export const variants = ['avx512', 'avx2', 'portable'] as const;
export type Variant = (typeof variants)[number];

export interface ConformanceOptions {
  /** one variant of the kernels; every one that the processor supports if left out */
  variant?: Variant | undefined;
  threads: number;
  /** only specs with this in their name, in either case */
  filter: string;
}

export interface Conformance {
  cpu: Run;
  natives: Run[];
  verdict: Verdict;
}

interface Place {
  root: string;
  bundle: string;
  folder: string;
}

function runOn(place: Place, variant: Variant | null, options: ConformanceOptions): Promise<Run> {
  const device = variant === null ? 'cpu' : 'native';
  const label = variant === null ? 'cpu' : `native ${variant}`;
  const record = join(place.folder, `${label}.jsonl`);
  const kernels = join(place.root, 'trainer/engine/native/build');
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [place.bundle, record, device, variant ?? '', String(options.threads), kernels, options.filter],
      { cwd: place.root, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    let late = false;
    const watch = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, MOST_SECONDS * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(watch);
      const text = existsSync(record) ? readFileSync(record, 'utf8') : '';
      const words = /^\w*Error: .*$/m.exec(errors)?.[0];
      const told = words === undefined ? '' : ` (${words})`;
      const ending = signal ? `signal ${signal}` : `exit code ${code}${told}`;
      const seconds = (performance.now() - started) / 1000;
      resolve(readRun(text, label, late ? `being stopped after ${MOST_SECONDS} s` : ending, seconds));
    });
  });
}

/** Why the native device cannot run the specs here, or null. */
export function whyNotNative(): string | null {
  const loaded = loadAddon();
  return 'reason' in loaded ? loaded.reason : null;
}

/** The variants of the kernels that this processor runs. */
function supported(): Variant[] {
  const loaded = loadAddon();
  if ('reason' in loaded) throw new Error(`The native device is not there: ${loaded.reason}.`);
  // Asked for one that the processor lacks, the addon opens another and says which.
  return variants.filter((variant) => loaded.addon.open(variant, 0) === variant);
}

/**
 * Runs the specs, each device in a process of its own.
 * @param root of the repository
 * @throws Error if the native device is not there, or the processor lacks the variant that was asked for
 */
export async function runConformance(root: string, options: ConformanceOptions): Promise<Conformance> {
  const known = supported();
  if (options.variant !== undefined && !known.includes(options.variant)) {
    throw new Error(
      `This processor does not run the variant "${options.variant}": it has ${known.join(', ')}.`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-conformance-'));
  try {
    const bundle = join(folder, 'specs.mjs');
    await bundleSpecs(root, bundle);
    const waiting = [null, ...(options.variant === undefined ? known : [options.variant])];
    const runs: Run[] = [];
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        runs.push(await runOn({ root, bundle, folder }, next, options));
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, lane));
    const cpu = runs.find((run) => run.label === 'cpu');
    if (!cpu) throw new Error('The specs were not run on the CPU backend.');
    const good = [...cpu.specs.values()].filter(({ status }) => status === 'passed').length;
    if (options.filter === '' && cpu.broken === null && good < LEAST_SPECS) {
      throw new Error(
        `Only ${good} of tfjs-core's specs passed on its CPU backend: expected at least ${LEAST_SPECS}.`,
      );
    }
    const natives = runs.filter((run) => run !== cpu).sort((a, b) => a.label.localeCompare(b.label));
    return { cpu, natives, verdict: compare(cpu, natives) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
