import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** What `embedding` means, in tfjs ops. */
export function embeddingComposition(table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  return tf.gather(table, ids);
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
