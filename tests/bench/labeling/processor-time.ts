import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc: after the command's name, which stands in brackets and may hold anything. */
function statOf(pid: number): { parent: number; ticks: number } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    // utime, stime, and both of the children that have ended.
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return { parent: Number(fields[1]), ticks };
  } catch {
    return null;
  }
}

/** Processor time that a process and all its descendants have used so far, in seconds; NaN where there is no /proc. */
export function processorSeconds(root: number): number {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return Number.NaN;
  }
  const all = new Map<number, { parent: number; ticks: number }>();
  for (const name of names) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (stat) all.set(Number(name), stat);
  }
  const isOurs = (pid: number): boolean => {
    const stat = all.get(pid);
    return (
      pid === root || (stat !== undefined && stat.parent !== pid && stat.parent > 1 && isOurs(stat.parent))
    );
  };
  let ticks = 0;
  for (const [pid, stat] of all) if (isOurs(pid)) ticks += stat.ticks;
  return ticks / ticksPerSecond();
}

let known: number | null = null;

function ticksPerSecond(): number {
  known ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return known;
}
