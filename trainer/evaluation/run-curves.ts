import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { readJsonLines } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';

/** One metric of a run, as its steps reported it. */
export interface Series {
  metric: string;
  steps: number[];
  values: number[];
}

/** What a run folder's metrics.jsonl holds. */
export interface RunCurves {
  /** The folder's name. */
  name: string;
  folder: string;
  stage: string | null;
  /** In the order in which they first appear; those that never have a number are left out. */
  series: Series[];
}

const lineSchema = z.looseObject({ step: z.number() });
const identitySchema = z.object({ identity: z.string() });
const stageSchema = z.object({ stage: z.string() });

/**
 * Reads the curves of a run, finished or not.
 *
 * @throws TrainerError when the folder holds no metrics, or a line is not a report
 */
export function readRunCurves(folder: string): RunCurves {
  const file = join(folder, 'metrics.jsonl');
  if (!existsSync(file)) {
    throw new TrainerError(`${folder} is no run folder: expected metrics.jsonl in it.`);
  }
  const series = new Map<string, Series>();
  for (const line of readJsonLines(file, lineSchema, '{ step, … }')) {
    for (const [metric, value] of Object.entries(line)) {
      if (metric === 'step' || typeof value !== 'number') continue;
      const own = series.get(metric) ?? { metric, steps: [], values: [] };
      own.steps.push(line.step);
      own.values.push(value);
      series.set(metric, own);
    }
  }
  return { name: basename(resolve(folder)), folder, stage: stageOf(folder), series: [...series.values()] };
}

/** The stage that made a run folder; null when nothing in it says. */
function stageOf(folder: string): string | null {
  for (const name of ['result.json', 'state.json']) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    try {
      const { identity } = identitySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      return stageSchema.parse(JSON.parse(identity)).stage;
    } catch {
      // A file of another form says nothing of the stage; the curves are there all the same.
    }
  }
  return null;
}

/**
 * Exponential moving average, without the pull of its start (Kingma and Ba 2015, section 3): each value weighs `decay`
 * times the one after it, and the weights sum to 1 from the first value on.
 */
export function smooth(values: readonly number[], decay: number): number[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = decay * sum + value;
    weight = decay * weight + 1;
    return sum / weight;
  });
}
