/**
 * The one rule of the house: imports run `app → server → {db, trainer}`, and `trainer` stands alone.
 * Code that Next.js bundles (app, and what it reaches in server) must not pull a model in: outside
 * `server/worker` and `server/demo`, the trainer is imported only as `*.config.ts`, its pure statistics,
 * or types.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const mayImport: Record<string, readonly string[]> = {
  app: ['app', 'server'],
  server: ['server', 'db', 'trainer'],
  db: ['db'],
  trainer: ['trainer'],
};

/** The module names that a TypeScript source imports, statically or dynamically, with whether only types are. */
export function importsOf(source: string): { module: string; typesOnly: boolean }[] {
  const found: { module: string; typesOnly: boolean }[] = [];
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
  for (const match of source.matchAll(pattern)) {
    const module = match[2] ?? match[3];
    if (module !== undefined) found.push({ module, typesOnly: match[1] !== undefined });
  }
  return found;
}

/** The top-level folder that `module`, imported by `file`, lies in; null for packages. */
export function folderOf(root: string, file: string, module: string): string | null {
  if (module.startsWith('@touchstone/trainer')) return 'trainer';
  const path = module.startsWith('@/')
    ? join(root, module.slice(2))
    : module.startsWith('.')
      ? resolve(dirname(file), module)
      : null;
  return path === null ? null : (relative(root, path).split('/')[0] ?? null);
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(ts|tsx)$/.test(entry.name) ? [path] : [];
  });
}

/** Every import that breaks the rule, as one sentence each. Tests may import what they test. */
export function findImportViolations(root: string): string[] {
  const violations: string[] = [];
  for (const [folder, allowed] of Object.entries(mayImport)) {
    for (const file of sources(join(root, folder))) {
      if (/\.test\.tsx?$/.test(file)) continue;
      for (const { module, typesOnly } of importsOf(readFileSync(file, 'utf8'))) {
        const target = folderOf(root, file, module);
        if (target === null || allowed.includes(target)) continue;
        if (!(target in mayImport)) {
          if (target === 'tests') violations.push(sentence(root, file, module, 'nothing of tests/'));
          continue;
        }
        if (typesOnly && folder === 'app' && target === 'db') continue;
        violations.push(sentence(root, file, module, `only ${allowed.map((name) => `${name}/`).join(', ')}`));
      }
    }
  }
  return violations;
}

function sentence(root: string, file: string, module: string, expected: string): string {
  const path = relative(root, file);
  return `${path} imports "${module}": ${path.split('/')[0]}/ may import ${expected}.`;
}
