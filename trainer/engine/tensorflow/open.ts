import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../../errors.ts';
import type { Started } from '../device.ts';
import { tf } from '../tf.ts';

/** The packages that bring libtensorflow, the better one first. Optional: they download it when they are installed. */
const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** What tfjs-node exports beyond tfjs itself. */
interface TfjsNode {
  version?: { 'tfjs-node'?: string };
}

/**
 * Starts libtensorflow through whichever package is installed.
 * @param from a file beside whose node_modules they are looked for
 */
export async function startTensorFlow(from = import.meta.url): Promise<Started | { reason: string }> {
  const require = createRequire(from);
  const reasons: string[] = [];
  for (const name of packages) {
    let file: string;
    try {
      file = require.resolve(name);
    } catch {
      continue;
    }
    try {
      // It registers its backend "tensorflow" with the tfjs that it finds, which has to be ours.
      const loaded: { default?: TfjsNode } & TfjsNode = await import(pathToFileURL(file).href);
      if (tf.findBackendFactory('tensorflow')) {
        const version = (loaded.default ?? loaded).version?.['tfjs-node'] ?? 'of an unknown version';
        return { description: `tensorflow (libtensorflow through ${name} ${version})`, threads: 1 };
      }
      reasons.push(`${name} is installed for another copy of tfjs: expected ${tf.version_core}`);
    } catch (error) {
      reasons.push(`${name} cannot be loaded (${messageOf(error).split('\n')[0]})`);
    }
  }
  return { reason: reasons.join('; ') || `neither ${packages.join(' nor ')} is installed` };
}
