/** What a run of the specs writes down, a JSON line an event, as it happens: it survives the end of the process. */
import { z } from 'zod';

export const RecordLine = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('start'), spec: z.string() }),
  z.strictObject({
    event: z.literal('done'),
    spec: z.string(),
    status: z.enum(['passed', 'failed', 'pending']),
    message: z.string(),
    /** tensors' data that the device holds after the spec: what it, and those before it in its suite, left behind */
    held: z.number().int(),
  }),
  /** a failure outside the specs: in a suite's set-up or clean-up, or while the files were loaded */
  z.strictObject({ event: z.literal('problem'), where: z.string(), message: z.string() }),
  z.strictObject({ event: z.literal('end') }),
]);
export type RecordLine = z.infer<typeof RecordLine>;

export interface SpecResult {
  status: 'passed' | 'failed' | 'pending';
  message: string;
  held: number;
}

/** A run of the specs on one device. */
export interface Run {
  /** "cpu", or "native" and the variant of its kernels: "native avx2" */
  label: string;
  /** by name; a name that several specs have gets their number: "… (2)" */
  specs: Map<string, SpecResult>;
  problems: { where: string; message: string }[];
  /** null if the run came to its end; else how it ended, with the spec that was running */
  broken: string | null;
  seconds: number;
}

/**
 * Reads what a run wrote.
 * @param text its JSON lines; a last one without a newline was cut off with the process and is left out
 * @param ending how the process ended, "signal SIGSEGV", for the report of a run that was cut short
 */
export function readRun(text: string, label: string, ending: string, seconds: number): Run {
  const run: Run = { label, specs: new Map(), problems: [], broken: null, seconds };
  const seen = new Map<string, number>();
  let running: string | null = null;
  let ended = false;
  for (const line of text.split('\n').slice(0, -1)) {
    const record = RecordLine.parse(JSON.parse(line));
    switch (record.event) {
      case 'start':
        running = record.spec;
        break;
      case 'done': {
        const count = (seen.get(record.spec) ?? 0) + 1;
        seen.set(record.spec, count);
        const name = count === 1 ? record.spec : `${record.spec} (${count})`;
        const { status, message, held } = record;
        run.specs.set(name, { status, message, held });
        running = null;
        break;
      }
      case 'problem':
        run.problems.push({ where: record.where, message: record.message });
        break;
      case 'end':
        ended = true;
        break;
    }
  }
  if (!ended) run.broken = `${ending} ${running === null ? 'between two specs' : `in "${running}"`}`;
  return run;
}
