import { z } from 'zod';
import { TrainerError } from '../../errors.ts';

/**
 * Parses a config strictly. Every fault becomes one clause that names the field; an unknown key is named together with
 * the known key nearest to it.
 *
 * @param where what the person would look at: a file's path, or "the pretrain config"
 * @throws TrainerError one sentence with every fault
 */
export function parseConfig<Schema extends z.ZodObject>(
  schema: Schema,
  value: unknown,
  where: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => describeIssue(schema, issue));
  throw new TrainerError(`${where}: ${faults.join('; ')}.`);
}

function describeIssue(schema: z.ZodObject, issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys
      .map((key) => {
        const nearest = nearestKey(key, known);
        const named = place === '' ? key : `${place}.${key}`;
        return `unknown key "${named}"${nearest === null ? ` (known are ${known.join(', ')})` : ` (did you mean "${nearest}"?)`}`;
      })
      .join('; ');
  }
  return place === '' ? issue.message : `"${place}" ${lowerFirst(issue.message)}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** The keys that the object at `path` inside the schema knows. */
function keysAt(schema: z.ZodObject, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const part of path) {
    const inner = unwrapped(at);
    if (inner instanceof z.ZodObject) at = inner.shape[String(part)];
    else if (inner instanceof z.ZodArray) at = inner.element;
    else return [];
  }
  const inner = unwrapped(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** The type under default(), nullable() and optional(). */
export function unwrapped(type: unknown): unknown {
  let inner = type;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

/** The known key with the fewest edits, or null when none is near (more than a third of the letters differ). */
export function nearestKey(key: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const edits = editDistance(key.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best !== null && fewest <= Math.max(2, Math.ceil(Math.max(key.length, best.length) / 3))
    ? best
    : null;
}

/** Levenshtein distance: insertions, deletions and replacements of single characters. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
