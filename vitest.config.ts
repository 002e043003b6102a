import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@': fileURLToPath(new URL('.', import.meta.url)) } },
  test: {
    include: ['{app,server,db,trainer,tests}/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', '.touchstone/**'],
    pool: 'forks',
    // Trainings in the tests use every core themselves: two files at a time keep each of them quick.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
