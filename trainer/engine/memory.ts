import { totalmem } from 'node:os';

/** Bytes that this process may come to use: the machine's memory, or less where a container sets a limit. */
export function memoryLimit(): number {
  // 0, or more than there is, where nothing is set.
  const constrained = process.constrainedMemory() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
