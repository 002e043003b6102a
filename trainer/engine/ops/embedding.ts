import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** One-hot rows made at a time where the device has no scatter: keeps them at a few megabytes. */
const ONE_HOT_CELLS = 1 << 20;

/** Sum of the rows of `dy` [N,D] by id, [V,D]: the gradient of a gather. */
function scatterAdd(ids: tf.Tensor1D, dy: tf.Tensor2D, vocabularySize: number): tf.Tensor2D {
  // wasm has no UnsortedSegmentSum; there the scatter is a product with one-hot rows.
  if (tf.getKernel('UnsortedSegmentSum', tf.getBackend())) {
    return tf.unsortedSegmentSum(dy, ids, vocabularySize) as tf.Tensor2D;
  }
  const rows = Math.max(1, Math.floor(ONE_HOT_CELLS / vocabularySize));
  let sum = tf.zeros([vocabularySize, dy.shape[1]]) as tf.Tensor2D;
  for (let from = 0; from < ids.size; from += rows) {
    const count = Math.min(rows, ids.size - from);
    const next = tf.tidy(() => {
      const hot = tf.oneHot(ids.slice(from, count), vocabularySize).toFloat() as tf.Tensor2D;
      return sum.add<tf.Tensor2D>(tf.matMul(hot, dy.slice([from, 0], [count, -1]), true, false));
    });
    sum.dispose();
    sum = next;
  }
  return sum;
}

/** What `embedding` means, in tfjs ops. */
export function embeddingComposition(table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  const [vocabularySize, width] = table.shape;
  const gathered = tf.customGrad((values, save) => {
    (save as tf.GradSaveFunc)([ids]);
    return {
      value: tf.gather(values as tf.Tensor2D, ids),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.tidy(() => {
          const [savedIds] = saved as [tf.Tensor];
          return scatterAdd(savedIds.as1D(), dy.reshape([-1, width]), vocabularySize);
        }),
    };
  });
  return gathered(table);
}

function embeddingNative(native: NativeBackend, table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  const [vocabularySize, width] = table.shape;
  const count = ids.size;
  return fused([table], {
    forward(save) {
      save([ids]);
      const out = native.output([...ids.shape, width]);
      const cells = native.ints(ids);
      const outside = native.addon.gather(
        count,
        width,
        vocabularySize,
        native.floats(table),
        cells,
        out.values,
      );
      if (outside >= 0) {
        throw new TrainerError(
          `Token ${cells[outside]} (cell ${outside} of the batch) is not in the embedding, which has ${vocabularySize} rows.`,
        );
      }
      return out.tensor;
    },
    backward(dy, saved) {
      const out = native.output([vocabularySize, width]);
      const cells = native.ints(savedAt(saved, 0));
      native.addon.scatterAdd(count, width, vocabularySize, cells, native.floats(dy), out.values);
      return [out.tensor];
    },
  });
}

/**
 * Rows of a table. Its gradient adds up the rows of repeated ids, always in the same order.
 * @param table float32 [V,D]
 * @param ids int32 [...], from 0 up to V - 1
 * @returns float32 [...,D]
 * @throws TrainerError on the native device when an id is not in the table
 */
export function embedding(table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  const native = nativeBackend();
  return native ? embeddingNative(native, table, ids) : embeddingComposition(table, ids);
}
