import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findImportViolations, folderOf, importsOf } from './import-rules.ts';

describe('import rules', () => {
  it('reads static, re-exported, type-only, side-effect and dynamic imports', () => {
    const source = [
      "import { a } from './a.ts';",
      "import type { B } from '@/db/b.ts';",
      "import './c.css';",
      "export * from '../d.ts';",
      "const e = await import('@touchstone/trainer/e.ts');",
      "import {\n  f,\n  g,\n} from 'package';",
    ].join('\n');
    expect(importsOf(source)).toEqual([
      { module: './a.ts', typesOnly: false },
      { module: '@/db/b.ts', typesOnly: true },
      { module: './c.css', typesOnly: false },
      { module: '../d.ts', typesOnly: false },
      { module: '@touchstone/trainer/e.ts', typesOnly: false },
      { module: 'package', typesOnly: false },
    ]);
  });

  it('finds the folder that an import reaches', () => {
    expect(folderOf('/r', '/r/db/client.ts', '../server/env.ts')).toBe('server');
    expect(folderOf('/r', '/r/app/page.tsx', '@/server/router.ts')).toBe('server');
    expect(folderOf('/r', '/r/server/a.ts', '@touchstone/trainer/cli.ts')).toBe('trainer');
    expect(folderOf('/r', '/r/server/a.ts', 'postgres')).toBeNull();
  });

  it('holds in this repository', () => {
    expect(findImportViolations(join(import.meta.dirname, '..'))).toEqual([]);
  });
});
