import { Random } from './random.ts';
import { tf } from './tf.ts';

/** Sizes that no vector register divides. */
const [ROWS, INNER, COLUMNS] = [9, 37, 19];

/**
 * Multiplies two matrices on the current device and in plain JavaScript: a kernel that is built wrongly, or a driver that
 * is broken, shows here rather than in a training.
 * @returns what is wrong, or null
 */
export async function checkProduct(): Promise<string | null> {
  const random = new Random(1);
  const draw = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal());
  const a = draw(ROWS * INNER);
  const b = draw(INNER * COLUMNS);
  const product = tf.tidy(() => tf.matMul(tf.tensor2d(a, [ROWS, INNER]), tf.tensor2d(b, [INNER, COLUMNS])));
  const values = await product.data();
  product.dispose();
  for (let i = 0; i < ROWS; i++) {
    for (let j = 0; j < COLUMNS; j++) {
      let sum = 0;
      for (let k = 0; k < INNER; k++) sum += (a[i * INNER + k] ?? 0) * (b[k * COLUMNS + j] ?? 0);
      const got = values[i * COLUMNS + j] ?? Number.NaN;
      if (!(Math.abs(got - sum) < 1e-3)) return `it multiplies wrongly (${got} for ${sum})`;
    }
  }
  return null;
}
