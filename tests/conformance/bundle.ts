/** Makes specs.ts, tfjs-core's specs and the native device into one file that Node can run. */
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * @param root of the repository
 * @param file to write
 */
export async function bundleSpecs(root: string, file: string): Promise<void> {
  const require = `createRequireOfRoot(${JSON.stringify(join(root, 'package.json'))})`;
  await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'tests/conformance/specs.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // tfjs's packages mean their ES modules by "module"; with them there is one copy of tfjs-core, the specs' own.
    mainFields: ['module', 'main'],
    // Their package.json declares the specs to be without side effects: they would be left out.
    ignoreAnnotations: true,
    banner: {
      js: `import { createRequire as createRequireOfRoot } from 'node:module'; const require = ${require};`,
    },
    logLevel: 'error',
  });
}
