import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** The names of databases that tests made begin so. */
export const TEST_PREFIX = 'touchstone_test_';

/** Where the tests' database server keeps its data. */
export function serverFolder(): string {
  return join(tmpdir(), `touchstone-test-postgres-${userInfo().username}`);
}
