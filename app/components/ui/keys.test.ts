import { expect, it } from 'vitest';
import { keyName, matchesKeys } from './keys.tsx';

/** A press as the browser reports it. */
function press(
  key: string,
  held: Partial<Record<'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey', boolean>> = {},
) {
  return { key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held };
}

it('takes Ctrl and ⌘ alike, and nothing else for them', () => {
  expect(matchesKeys(press('Enter', { ctrlKey: true }), 'Mod+Enter')).toBe(true);
  expect(matchesKeys(press('Enter', { metaKey: true }), 'Mod+Enter')).toBe(true);
  expect(matchesKeys(press('Enter'), 'Mod+Enter')).toBe(false);
  expect(matchesKeys(press('s', { ctrlKey: true }), 's')).toBe(false);
});

it('asks for Shift with letters and arrows, and lets the keyboard decide where signs are', () => {
  expect(matchesKeys(press('ArrowUp', { shiftKey: true }), 'ArrowUp')).toBe(false);
  expect(matchesKeys(press('ArrowUp', { shiftKey: true }), 'Shift+ArrowUp')).toBe(true);
  expect(matchesKeys(press('S', { shiftKey: true }), 's')).toBe(false);
  expect(matchesKeys(press('=', { shiftKey: true }), '=')).toBe(true);
  expect(matchesKeys(press('?', { shiftKey: true }), '?')).toBe(true);
});

it('names keys as they are printed', () => {
  expect(['Mod+k', 's', 'Mod+Enter', 'Shift+ArrowUp', '?', 'Escape'].map(keyName)).toEqual([
    'Ctrl K',
    'S',
    'Ctrl ↵',
    'Shift ↑',
    '?',
    'Escape',
  ]);
});
