import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.ts';

export type Database = PostgresJsDatabase<typeof schema>;
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
/** Anything that runs queries: the database, or a transaction of it. */
export type Executor = Database | Transaction;

export interface DatabaseConnection {
  db: Database;
  /** The driver itself, for LISTEN/NOTIFY. */
  client: postgres.Sql;
  close(): Promise<void>;
}

/**
 * Connects to a Postgres database. Connections open on first use.
 * @param url `postgres://user:password@host:port/database`
 * @param options.connections at most so many at once
 */
export function openDatabase(url: string, options: { connections?: number } = {}): DatabaseConnection {
  const client = postgres(url, {
    max: options.connections ?? 8,
    onnotice: () => {},
    connection: { application_name: 'touchstone' },
  });
  return { db: drizzle(preparing(client), { schema }), client, close: () => client.end({ timeout: 5 }) };
}

/** Statements of more parameters than this are planned each time: lists of any length would fill a connection's memory. */
const MOST_PARAMETERS = 40;

/**
 * A client whose statements each connection plans once and then sends in one round trip. Drizzle asks for neither: it
 * sends a statement to be described, waits, and sends its parameters, every time.
 */
function preparing<Client extends postgres.Sql | postgres.TransactionSql>(client: Client): Client {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name === 'unsafe') {
        return (
          text: string,
          parameters: postgres.ParameterOrJSON<never>[],
          options: postgres.UnsafeQueryOptions,
        ) =>
          target.unsafe(text, parameters, {
            ...options,
            prepare: parameters.length <= MOST_PARAMETERS,
          });
      }
      if ((name === 'begin' || name === 'savepoint') && typeof value === 'function') {
        return (run: (transaction: postgres.TransactionSql) => unknown) =>
          Reflect.apply(value, target, [
            (transaction: postgres.TransactionSql) => run(preparing(transaction)),
          ]);
      }
      return value;
    },
  });
}

const shared = globalThis as typeof globalThis & { touchstoneDatabases?: Map<string, DatabaseConnection> };

/** The process's one connection pool for a database, kept through reloads of this module. */
export function sharedDatabase(url: string): DatabaseConnection {
  shared.touchstoneDatabases ??= new Map();
  let connection = shared.touchstoneDatabases.get(url);
  if (!connection) {
    connection = openDatabase(url);
    shared.touchstoneDatabases.set(url, connection);
  }
  return connection;
}
