import { tf } from './tf.ts';

const SAMPLES = 5;
const SAMPLE_MILLISECONDS = 100;
/** The largest product tried first must not take longer than this. */
const LARGEST_MILLISECONDS = 60;

/** Milliseconds for `count` products of two N×N matrices, one after the other, until a number of the last is here. */
async function time(a: tf.Tensor2D, b: tf.Tensor2D, count: number): Promise<number> {
  const began = performance.now();
  const corner = tf.tidy(() => {
    let product = tf.matMul(a, b);
    for (let i = 1; i < count; i++) {
      const next = tf.matMul(a, b);
      product.dispose();
      product = next;
    }
    return product.slice([0, 0], [1, 1]);
  });
  await corner.data();
  corner.dispose();
  return performance.now() - began;
}

/**
 * How fast the current device multiplies matrices of float32, in GFLOP/s: N×N with N up to 1024, smaller where that would
 * take long; after a warm-up, the median of five, each until a number of the result has been read back.
 */
export async function measureProduct(): Promise<number> {
  for (let size = 128; ; size *= 2) {
    const [a, b] = [tf.randomUniform([size, size]), tf.randomUniform([size, size])] as [
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    await time(a, b, 1);
    const once = await time(a, b, 1);
    if (size < 1024 && once * 8 <= LARGEST_MILLISECONDS) {
      tf.dispose([a, b]);
      continue;
    }
    const count = Math.min(100, Math.max(1, Math.round(SAMPLE_MILLISECONDS / once)));
    const samples: number[] = [];
    for (let i = 0; i < SAMPLES; i++) samples.push(await time(a, b, count));
    tf.dispose([a, b]);
    const median = samples.sort((x, y) => x - y)[Math.floor(SAMPLES / 2)] ?? Number.NaN;
    return (2 * size ** 3 * count) / (median * 1e6);
  }
}
