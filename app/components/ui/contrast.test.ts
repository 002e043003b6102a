import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const css = readFileSync(fileURLToPath(new URL('../../globals.css', import.meta.url)), 'utf8');

/** The tokens of a theme: those of the first block that follows the selector. */
function tokensOf(selector: string): Record<string, string> {
  const block = css.slice(css.indexOf(selector)).match(/\{([^{}]*)\}/)?.[1] ?? '';
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1], m[2]]));
}

const themes = {
  light: tokensOf(':root {'),
  dark: tokensOf(':root[data-theme="dark"] {'),
  'dark by the machine': tokensOf(':root:not([data-theme="light"]) {'),
};

/** Relative luminance (WCAG 2.2, "relative luminance"). */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(first: string, second: string): number {
  const [light = 0, dark = 0] = [luminance(first), luminance(second)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ['ground', 'surface', 'sunken'];
const TEXT = [
  ...[
    'ink',
    'quiet',
    'gold-text',
    'red',
    'green',
    'model-base',
    'model-sft',
    'model-reward',
    'model-ppo',
  ].flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)),
  ['gold-text', 'gold-wash'],
  ['ink', 'gold-wash'],
  ['quiet', 'gold-wash'],
  ['red', 'red-wash'],
  ['ink', 'red-wash'],
  ['on-gold', 'gold'],
  ['on-gold', 'gold-strong'],
] as const;
/** Edges of controls, the outline of the focus, bars: what must be seen to be used. */
const PARTS = ['edge', 'gold', 'red', 'green'].flatMap((part) =>
  GROUNDS.map((ground) => [part, ground] as const),
);

describe.each(Object.entries(themes))('the tokens in %s', (_, tokens) => {
  const measured = (pairs: readonly (readonly [string, string])[], least: number) =>
    pairs.flatMap(([first, second]) => {
      const ratio = contrast(tokens[first] ?? '#000000', tokens[second] ?? '#000000');
      return ratio < least ? [`${first} on ${second}: ${ratio.toFixed(2)}`] : [];
    });

  it('text meets 4.5:1 on every ground it stands on', () => {
    expect(measured(TEXT, 4.5)).toEqual([]);
  });

  it('parts that must be seen meet 3:1', () => {
    expect(measured(PARTS, 3)).toEqual([]);
  });
});

it('dark is the same, chosen by hand or by the machine', () => {
  expect(Object.keys(themes.dark).length).toBeGreaterThan(15);
  expect(themes['dark by the machine']).toEqual(themes.dark);
});

it('contrast is measured as WCAG measures it', () => {
  expect(contrast('#000000', '#ffffff')).toBe(21);
  // The known boundary: #767676 is the lightest grey that passes on white.
  expect(contrast('#767676', '#ffffff')).toBeCloseTo(4.54, 2);
});
