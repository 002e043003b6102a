/**
 * What the browser keeps for one person until the server has it: drafts and submissions, each under a key of its own
 * with the person's id in it, so that whoever signs in next on this machine neither sees nor sends them.
 */
const PREFIX = 'touchstone-kept';

interface KeptEntry<Value> {
  key: string;
  value: Value;
}

/** The person's kept values of a sort, oldest first. What cannot be read is left alone. */
export function readKept<Value>(
  sort: 'draft' | 'submission',
  userId: string,
  isValue: (value: unknown) => value is Value & { at: number },
): KeptEntry<Value & { at: number }>[] {
  const start = `${PREFIX}-${sort}-${userId}-`;
  const entries: KeptEntry<Value & { at: number }>[] = [];
  try {
    for (let index = 0; index < localStorage.length; index++) {
      const key = localStorage.key(index);
      if (!key?.startsWith(start)) continue;
      const value = parsed(localStorage.getItem(key));
      if (isValue(value)) entries.push({ key, value });
    }
  } catch {
    // A browser that forbids storage keeps nothing.
    return [];
  }
  return entries.sort((a, b) => a.value.at - b.value.at);
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}

/** @param rest what tells the value from the person's others of its sort */
export function keptKey(sort: 'draft' | 'submission', userId: string, rest: string): string {
  return `${PREFIX}-${sort}-${userId}-${rest}`;
}

/** Keeps a value. @returns whether the browser took it: it does not when its storage is full or forbidden */
export function writeKept(key: string, value: { at: number }): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function clearKept(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // Then nothing was kept either.
  }
}
