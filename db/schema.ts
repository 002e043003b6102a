/** The whole schema: people, work, and learning. */
export * from './schema/json.ts';
export * from './schema/learning.ts';
export * from './schema/people.ts';
export * from './schema/values.ts';
export * from './schema/work.ts';
