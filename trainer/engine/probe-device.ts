import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { DeviceName } from './device.ts';

export interface ProbeOptions {
  /** measure how fast it multiplies, too */
  measure: boolean;
  threads?: number | undefined;
  kernelFolder?: string | undefined;
}

/** A device that works; `gflops` is null when it was not measured. */
export interface ProbedDevice {
  description: string;
  threads: number;
  software: boolean;
  gflops: number | null;
}

/** Why a device is not there; `crashed` when it took its process with it. */
export interface ProbeFailure {
  reason: string;
  crashed: boolean;
}

const answerSchema = z.union([
  z.object({ reason: z.string() }),
  z.object({
    description: z.string(),
    threads: z.number(),
    software: z.boolean(),
    gflops: z.number().nullable(),
  }),
]);

const program = fileURLToPath(new URL('./probe.mjs', import.meta.url));
const PATIENCE_MILLISECONDS = 30_000;

/** Opens a device in a process of its own and tells what came of it. What the process prints on standard error is dropped. */
export function probeDevice(
  name: DeviceName,
  { measure, threads, kernelFolder }: ProbeOptions,
): Promise<ProbedDevice | ProbeFailure> {
  return new Promise((resolve) => {
    const request = JSON.stringify({ name, measure, threads, kernelFolder });
    const child = spawn(process.execPath, [program, request], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PATIENCE_MILLISECONDS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', (error) => resolve({ reason: error.message, crashed: true }));
    child.on('close', (code, signal) => {
      const line = output.trim().split('\n').at(-1) ?? '';
      const answer = line.startsWith('{') ? answerSchema.parse(JSON.parse(line)) : null;
      if (answer && code === 0) {
        if (!('reason' in answer)) resolve(answer);
        else
          resolve({
            reason: answer.reason.replace(`The ${name} device is not there: `, '').replace(/\.$/, ''),
            crashed: false,
          });
        return;
      }
      const how =
        signal === 'SIGKILL'
          ? 'did not answer in 30 s'
          : `ended its process (${signal ?? `exit code ${code}`})`;
      resolve({ reason: `it ${how}`, crashed: true });
    });
  });
}
