import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

const USER = 'postgres';

/** As whom Postgres runs: itself when we are not root, else the system user `postgres`, for it refuses to run as root. */
export interface PostgresAccount {
  uid: number;
  gid: number;
  isRoot: boolean;
}

/** @throws Error when we are root, there is no user `postgres`, and none can be made */
export function postgresAccount(): PostgresAccount {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  if (uid !== 0) return { uid, gid, isRoot: false };
  let id = userId('-u');
  if (id === null) {
    try {
      execFileSync('groupadd', ['--system', USER], { stdio: 'ignore' });
    } catch {
      // The group may exist without the user; if not, useradd says so.
    }
    try {
      execFileSync('useradd', ['--system', '--gid', USER, '--no-create-home', USER], { stdio: 'pipe' });
    } catch (cause) {
      throw new Error(
        `Postgres refuses to run as root, and the system user ${USER} could not be made: run as another user, or set DATABASE_URL.`,
        { cause },
      );
    }
    id = userId('-u');
  }
  const group = userId('-g');
  if (id === null || group === null)
    throw new Error(`The system user ${USER} was not found: set DATABASE_URL.`);
  return { uid: id, gid: group, isRoot: true };
}

/**
 * The command that runs a program as the account. Where one of the paths lies below a folder that only root may enter
 * (such as /root), the program keeps the one capability to pass through it.
 * @param paths what the program must reach
 */
export function commandAs(
  account: PostgresAccount,
  program: string,
  args: string[],
  paths: string[],
): { command: string; args: string[] } {
  if (!account.isRoot) return { command: program, args };
  const identity = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const capability = paths.every(everybodyMayEnter)
    ? []
    : ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return { command: 'setpriv', args: [...identity, ...capability, program, ...args] };
}

function everybodyMayEnter(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function userId(flag: '-u' | '-g'): number | null {
  try {
    return Number(
      execFileSync('id', [flag, USER], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  } catch {
    return null;
  }
}
