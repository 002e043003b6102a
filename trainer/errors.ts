/**
 * An error meant for the person who sees it: one sentence that says what was wrong, where (file and line, key,
 * tensor), and what was expected. Whatever led to it is kept as `cause`.
 */
export class TrainerError extends Error {
  override readonly name = 'TrainerError';
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
