import { expect, it } from 'vitest';
import { runFaults } from './labeling.ts';

it('keeps every promise to 60 labelers while web servers and database are killed', async () => {
  const seed = Math.floor(Math.random() * 1e6);
  const report = await runFaults({
    labelers: 60,
    tasks: 1500,
    seconds: 25,
    killEvery: [3, 6],
    seed,
    say: () => {},
  });
  const broken = report.findings.filter(({ violations }) => violations > 0);
  expect(broken, `seed ${seed}`).toEqual([]);
  expect(report.kills.database).toBeGreaterThanOrEqual(1);
  expect(report.kills.web).toBeGreaterThanOrEqual(1);
  expect(report.labels).toBeGreaterThan(60);
}, 240_000);
