import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { openDatabase } from './client.ts';

/** Any number that only this program locks: two processes that start at once migrate one after the other. */
const MIGRATION_LOCK = 7_408_215_331;

/**
 * Brings a database to the current schema. Does nothing when it is there already.
 * @param url the database's address
 */
export async function migrateDatabase(url: string): Promise<void> {
  // One connection: the advisory lock belongs to a session, and the migration must run in that same session.
  const { db, close } = openDatabase(url, { connections: 1 });
  try {
    await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await migrate(db, { migrationsFolder: fileURLToPath(new URL('./migrations', import.meta.url)) });
  } finally {
    await close();
  }
}
