import { type Command, Option } from 'commander';
import { z } from 'zod';
import { TrainerError } from '../errors.ts';
import { unwrapped } from '../stages/shared/parse-config.ts';
import { collect, parseNumber, readJsonFile } from './options.ts';

type FlagKind = 'number' | 'text' | 'boolean' | 'texts' | 'sources';

/** Adds one flag for each field of a stage's config that a flag can hold, with the field's own description. */
export function addConfigFlags(command: Command, schema: z.ZodObject): void {
  for (const [key, type] of Object.entries(schema.shape)) {
    const kind = flagKind(key, type);
    if (kind === null) continue;
    const option = new Option(`${flagName(key)} ${placeholder(kind)}`, describeField(type));
    const inner = unwrapped(type);
    if (inner instanceof z.ZodEnum) option.choices(inner.options.map(String));
    if (kind === 'number') option.argParser(parseNumber);
    if (kind === 'texts' || kind === 'sources') option.argParser(collect);
    if (kind === 'boolean') option.choices(['true', 'false']);
    command.addOption(option);
  }
}

/** The config as the file has it, with what the flags say in its place. */
export function configFrom(
  schema: z.ZodObject,
  configFile: string | undefined,
  flags: Record<string, unknown>,
): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  if (configFile !== undefined) {
    const value = readJsonFile(configFile);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TrainerError(`${configFile}: expected one JSON object.`);
    }
    Object.assign(config, value);
  }
  for (const [key, type] of Object.entries(schema.shape)) {
    const kind = flagKind(key, type);
    const value = flags[kind === 'sources' || kind === 'texts' ? singular(key) : key];
    if (kind === null || value === undefined) continue;
    if (kind === 'boolean') config[key] = value === 'true';
    else if (kind === 'sources' && Array.isArray(value))
      config[key] = value.map((text) => parseSource(String(text)));
    else config[key] = value;
  }
  return config;
}

function flagKind(key: string, type: unknown): FlagKind | null {
  const inner = unwrapped(type);
  if (inner instanceof z.ZodNumber) return 'number';
  if (inner instanceof z.ZodBoolean) return 'boolean';
  if (inner instanceof z.ZodString || inner instanceof z.ZodEnum) return 'text';
  if (!(inner instanceof z.ZodArray)) return null;
  return isSources(key) ? 'sources' : 'texts';
}

/** Whether a list is one of data sources, each a path and a weight: "sources", "ptxSources". */
function isSources(key: string): boolean {
  return key === 'sources' || key.endsWith('Sources');
}

function placeholder(kind: FlagKind): string {
  return {
    number: '<number>',
    text: '<text>',
    boolean: '<bool>',
    texts: '<text>',
    sources: '<file[=weight]>',
  }[kind];
}

/** `learningRate` is `--learning-rate`; a list is given item by item: `--sample-prompt`. */
function flagName(key: string): string {
  const name = isSources(key) || key.endsWith('Prompts') ? singular(key) : key;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function singular(key: string): string {
  return key.replace(/s$/, '');
}

function describeField(type: unknown): string {
  if (!(type instanceof z.ZodType)) return '';
  const text = type.description ?? '';
  const fallback = type instanceof z.ZodDefault ? type.def.defaultValue : undefined;
  return fallback === undefined || fallback === null || Array.isArray(fallback)
    ? text
    : `${text} (default: ${String(fallback)})`;
}

/** `file` or `file=weight`. */
function parseSource(text: string): { path: string; weight?: number } {
  const match = /^(.+)=([0-9.]+)$/.exec(text);
  return match?.[1] === undefined ? { path: text } : { path: match[1], weight: Number(match[2]) };
}
