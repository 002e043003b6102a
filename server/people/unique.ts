/** Whether an error is Postgres's refusal of a second row under the named unique index. */
export function isUniqueViolation(error: unknown, index: string): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('constraint_name' in cause && cause.constraint_name === index) return true;
  }
  return false;
}
