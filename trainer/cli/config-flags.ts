import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { TrainerError } from '../errors.ts';
import { unwrapped } from '../stages/shared/parse-config.ts';
import { groupOf, placeOf } from './flag-groups.ts';
import { collect, parseNumber, readJsonFile } from './options.ts';

type FlagKind = 'number' | 'text' | 'boolean' | 'texts' | 'sources';

/** A field of a config that a flag can hold. */
interface Field {
  /** where it stands in the config: one key, or two for a field of an object */
  path: string[];
  type: z.ZodType;
  kind: FlagKind;
  /** as commander names its value */
  attribute: string;
}

/** Names that the caller gives to parent and data: of no use to people, who have file names. */
const withoutFlag = new Set(['lineage']);

/** Adds one flag for each field of a stage's config that a flag can hold, with the field's own description, in groups. */
export function addConfigFlags(command: Command, schema: z.ZodObject): void {
  const fields = fieldsOf(schema)
    .map((field) => ({ ...field, group: groupOf(field.path[0] ?? '') }))
    .sort((a, b) => placeOf(a.group) - placeOf(b.group));
  for (const { path, type, kind, group } of fields) {
    const inner = unwrapped(type);
    const placeholder = inner instanceof z.ZodEnum ? '<name>' : placeholders[kind];
    const option = new Option(`${flagName(path)} ${placeholder}`, describeField(type, kind));
    if (inner instanceof z.ZodEnum) option.choices(inner.options.map(String));
    if (kind === 'number') option.argParser(canBeNull(type) ? parseNumberOrNone : parseNumber);
    if (kind === 'texts' || kind === 'sources') option.argParser(collect);
    if (kind === 'boolean') option.choices(['true', 'false']);
    command.addOption(option.helpGroup(group));
  }
}

/** Whether any flag of a config was given. */
export function hasConfigFlags(schema: z.ZodObject, flags: Record<string, unknown>): boolean {
  return fieldsOf(schema).some(({ attribute }) => flags[attribute] !== undefined);
}

/** The config as the file has it, or as it was before, with what the flags say in its place. */
export function configFrom(
  schema: z.ZodObject,
  configFile: string | undefined,
  flags: Record<string, unknown>,
  before: Record<string, unknown> = {},
): Record<string, unknown> {
  const config: Record<string, unknown> = { ...before };
  if (configFile !== undefined) {
    const value = readJsonFile(configFile);
    if (!isObject(value)) throw new TrainerError(`${configFile}: expected one JSON object.`);
    Object.assign(config, value);
  }
  for (const { path, kind, attribute } of fieldsOf(schema)) {
    const value = flags[attribute];
    if (value === undefined) continue;
    const [key = '', inner] = path;
    if (inner === undefined) config[key] = settingOf(kind, value);
    else {
      const before = config[key];
      config[key] = { ...(isObject(before) ? before : {}), [inner]: settingOf(kind, value) };
    }
  }
  return config;
}

function fieldsOf(schema: z.ZodObject): Field[] {
  return Object.entries(schema.shape).flatMap(([key, type]): Field[] => {
    if (withoutFlag.has(key) || !(type instanceof z.ZodType)) return [];
    const inner = unwrapped(type);
    const entries: [string[], z.ZodType][] =
      inner instanceof z.ZodObject
        ? Object.entries(inner.shape).map(([name, part]) => [[key, name], part as z.ZodType])
        : [[[key], type]];
    return entries.flatMap(([path, field]) => {
      const kind = flagKind(key, field);
      return kind === null ? [] : [{ path, type: field, kind, attribute: attributeOf(path) }];
    });
  });
}

function settingOf(kind: FlagKind, value: unknown): unknown {
  if (kind === 'boolean') return value === 'true';
  if (kind === 'sources' && Array.isArray(value)) return value.map((text) => parseSource(String(text)));
  return value === NONE ? null : value;
}

function flagKind(key: string, type: z.ZodType): FlagKind | null {
  const inner = unwrapped(type);
  if (inner instanceof z.ZodNumber) return 'number';
  if (inner instanceof z.ZodBoolean) return 'boolean';
  if (inner instanceof z.ZodString || inner instanceof z.ZodEnum) return 'text';
  if (!(inner instanceof z.ZodArray)) return null;
  if (isSources(key)) return 'sources';
  const element = unwrapped(inner.element);
  return element instanceof z.ZodString || element instanceof z.ZodEnum ? 'texts' : null;
}

/** Whether a list is one of data sources, each a path and a weight: "sources", "ptxSources". */
function isSources(key: string): boolean {
  return key === 'sources' || key.endsWith('Sources');
}

const placeholders: Record<FlagKind, string> = {
  number: '<number>',
  text: '<path>',
  boolean: '<bool>',
  texts: '<text>',
  sources: '<file[=weight]>',
};

/** `learningRate` is `--learning-rate`; a list is given item by item: `--sample-prompt`; a field of an object after its key. */
function flagName(path: readonly string[]): string {
  const [key = '', ...rest] = path;
  const first = isSources(key) || key.endsWith('Prompts') ? key.replace(/s$/, '') : key;
  const words = [first, ...rest].map((name) =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  );
  return `--${words.join('-')}`;
}

function attributeOf(path: readonly string[]): string {
  return flagName(path)
    .slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function describeField(type: z.ZodType, kind: FlagKind): string {
  const description = type.description ?? '';
  // On the command line, null is written none.
  const text = kind === 'number' ? description.replace(/\bnull\b/g, 'none') : description;
  if (!type.safeParse(undefined).success) return `${text} (required)`;
  const fallback = type instanceof z.ZodDefault ? type.def.defaultValue : undefined;
  return fallback === undefined || fallback === null || Array.isArray(fallback)
    ? text
    : `${text} (default: ${String(fallback)})`;
}

/** What stands for null on the command line. */
const NONE = Symbol('none');

function parseNumberOrNone(text: string): number | symbol {
  if (text === 'none') return NONE;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new InvalidArgumentError('expected a number, or none.');
  }
  return value;
}

function canBeNull(type: z.ZodType): boolean {
  return type.safeParse(null).success;
}

/** `file` or `file=weight`. */
function parseSource(text: string): { path: string; weight?: number } {
  const match = /^(.+)=([0-9.]+)$/.exec(text);
  return match?.[1] === undefined ? { path: text } : { path: match[1], weight: Number(match[2]) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
