import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveCheckpoint, type TouchstoneMetadata } from '../../model/checkpoint.ts';
import { LanguageModel } from '../../model/language-model.ts';
import { readSafetensors } from '../../model/safetensors.ts';
import type { ScalarModel } from '../../model/scalar-model.ts';
import { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { MetricsReport, SamplesReport, StageContext } from '../types.ts';

/** A new folder, and what removes it. */
export function temporaryFolder(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-stages-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A context that keeps what a stage reports; `abortAfter` aborts when that step has been reported. */
export function recordingContext(runFolder: string, abortAfter = Number.POSITIVE_INFINITY) {
  const controller = new AbortController();
  const reports: MetricsReport[] = [];
  const samples: SamplesReport[] = [];
  const messages: string[] = [];
  const context: StageContext = {
    runFolder,
    signal: controller.signal,
    onMetrics(report) {
      reports.push(report);
      if (report.step >= abortAfter) controller.abort();
    },
    onSamples: (report) => void samples.push(report),
    onMessage: (line) => void messages.push(line),
  };
  return { context, reports, samples, messages };
}

/** One token a character, for the letters a to h and what the prompt template needs. */
export function letterTokenizer(): Tokenizer {
  return Tokenizer.trainCharacters(['Question: abcdefgh?.\nAnswer:']);
}

export const tinyShape = { contextLength: 48, width: 16, layers: 1, heads: 2 };

export function tinyModel(
  tokenizer: Tokenizer,
  seed: number,
  shape: Partial<typeof tinyShape> = {},
): LanguageModel {
  return LanguageModel.create({ ...tinyShape, ...shape, vocabularySize: tokenizer.vocabularySize }, seed);
}

/** Writes a model as a checkpoint folder and gives the folder. */
export async function writeTiny(
  folder: string,
  model: LanguageModel | ScalarModel,
  tokenizer: Tokenizer,
  more: Partial<TouchstoneMetadata> = {},
): Promise<string> {
  await saveCheckpoint(folder, {
    model,
    tokenizer,
    metadata: {
      stage: 'sft',
      parent: null,
      dataset: null,
      config: {},
      seed: 0,
      codeVersion: 'test',
      metrics: {},
      ...more,
    },
  });
  return folder;
}

export function writeLines(folder: string, name: string, rows: readonly unknown[]): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

/** The weights of a checkpoint folder, by tensor. */
export function weightsOf(checkpoint: string): Map<string, Float32Array> {
  const tensors = readSafetensors(join(checkpoint, 'model.safetensors'));
  return new Map([...tensors].map(([name, { data }]) => [name, data]));
}

/** Reports without what a clock says, which no two runs share. */
export function withoutTimes(reports: readonly MetricsReport[]): MetricsReport[] {
  return reports.map(({ step, totalSteps, values }) => ({
    step,
    totalSteps,
    values: Object.fromEntries(
      Object.entries(values).filter(([name]) => name !== 'tokensPerSecond' && !name.startsWith('seconds')),
    ),
  }));
}

/** The steps that a run's metrics.jsonl holds. */
export function stepsInLog(runFolder: string): unknown[] {
  return readFileSync(join(runFolder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const report: unknown = JSON.parse(line);
      return typeof report === 'object' && report !== null && 'step' in report ? report.step : null;
    });
}
