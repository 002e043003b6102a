import { embedding } from '../../engine/ops/embedding.ts';
import { tf } from '../../engine/tf.ts';

/**
 * Sums consecutive parts of a vector.
 *
 * @param values float32 [N]
 * @param counts the length of each part; together N
 * @returns float32 [parts]
 */
export function sumEach(values: tf.Tensor1D, counts: readonly number[]): tf.Tensor1D {
  return tf.tidy(() => {
    // Parts as rows, filled up with the place of a zero behind the values.
    const columns = Math.max(...counts);
    const places = new Int32Array(counts.length * columns).fill(values.size);
    let offset = 0;
    for (const [row, count] of counts.entries()) {
      for (let i = 0; i < count; i++) places[row * columns + i] = offset + i;
      offset += count;
    }
    const table = tf.concat([values, tf.zeros([1])]).reshape<tf.Tensor2D>([values.size + 1, 1]);
    const rows = embedding(table, tf.tensor1d(places, 'int32')).reshape([counts.length, columns]);
    return tf.sum(rows, 1) as tf.Tensor1D;
  });
}
