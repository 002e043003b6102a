import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** Replaces a file at once: readers see the old content or the new one, also after a crash. */
export function replaceFile(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    // A whole file or an error: one write may take a part only, when the disk fills up.
    writeFileSync(temporary, content, { flush: true });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

const lineSchema = z.looseObject({ step: z.number() });

/** A file of reports, one JSON object with a `step` a line. */
export class JsonLinesLog {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  append(report: { step: number; [name: string]: unknown }): void {
    appendFileSync(this.#file, `${JSON.stringify(report)}\n`);
  }

  /** Drops reports of later steps, which a resumed run makes again, and a line that a kill cut short. */
  keepUpTo(step: number): void {
    if (!existsSync(this.#file)) return;
    const kept = readFileSync(this.#file, 'utf8')
      .split('\n')
      .filter((line) => {
        try {
          return lineSchema.parse(JSON.parse(line)).step <= step;
        } catch {
          // An unfinished last line is what a kill leaves behind; there is nothing in it to keep.
          return false;
        }
      });
    replaceFile(this.#file, kept.map((line) => `${line}\n`).join(''));
  }
}
