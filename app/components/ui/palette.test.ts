import { expect, it } from 'vitest';
import { findEntries } from './palette.tsx';

const entries = [
  { kind: 'model', name: 'Round 1 PPO', href: '/models/1' },
  { kind: 'run', name: 'PPO of round 1', href: '/runs/1' },
  { kind: 'page', name: 'Rounds', href: '/rounds' },
];

it('finds by every word typed, names that begin with the first word before the others', () => {
  expect(findEntries(entries, 'ppo').map((entry) => entry.href)).toEqual(['/runs/1', '/models/1']);
  expect(findEntries(entries, 'model 1').map((entry) => entry.href)).toEqual(['/models/1']);
  expect(findEntries(entries, 'nothing')).toEqual([]);
  expect(findEntries(entries, '  ')).toEqual(entries);
});
