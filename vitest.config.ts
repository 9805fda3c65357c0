import { defineConfig } from 'vitest/config';

const common = { pool: 'forks', maxWorkers: 2, testTimeout: 180_000, hookTimeout: 180_000 } as const;
// Ray, Spark and PyTorch take all of a small machine: they come last, and nothing beside them.
const HEAVY = 'test/e2e/large-examples.test.ts';

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'tests', include: ['test/**/*.test.ts'], exclude: [HEAVY], sequence: { groupOrder: 0 } } },
      { test: { ...common, name: 'large', include: [HEAVY], sequence: { groupOrder: 1 } } },
    ],
  },
});
