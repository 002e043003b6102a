import { v7 } from 'uuid';

/** A new UUIDv7: unique, and ordered by the time at which it was made, so that primary keys read as history. */
export function uuidv7(): string {
  return v7();
}
