import { readFileSync } from 'node:fs';
import { stageSchemas } from '@touchstone/trainer/stages/schemas.ts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { renderSettings, SETTINGS_FILE } from './settings.ts';

describe('the page of settings', () => {
  it('says what the schemas say; write it again with `npx tsx tests/docs/settings.ts`', () => {
    expect(readFileSync(SETTINGS_FILE, 'utf8')).toBe(renderSettings());
  });

  it('has a meaning for every setting', () => {
    const silent: string[] = [];
    const look = (path: string, type: unknown): void => {
      if (!(type instanceof z.ZodType) || type.description === undefined) silent.push(path);
    };
    for (const [stage, schema] of Object.entries(stageSchemas)) {
      for (const [name, type] of Object.entries(schema.shape)) look(`${stage}.${name}`, type);
    }
    expect(silent).toEqual([]);
  });
});
