/**
 * Gives the event loop its turn, so that signals arrive and callers stay responsive, and stops where a stop was asked for.
 *
 * @throws the signal's reason when it is aborted
 */
export async function takeTurn(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
