import pino from 'pino';
import { AppError, toAppError } from './errors.ts';

const log = pino({ name: 'touchstone' });

/** Logs what went wrong on our side. What a person got wrong was told to them, and is not logged. */
export function reportError(thrown: unknown, where: string): void {
  const error = toAppError(thrown);
  if (error.code === 'INTERNAL') log.error({ err: rootCause(error), where }, 'a request failed');
}

/** The error that an AppError was made of, or itself. */
function rootCause(error: AppError): unknown {
  return error.cause instanceof AppError ? rootCause(error.cause) : (error.cause ?? error);
}
