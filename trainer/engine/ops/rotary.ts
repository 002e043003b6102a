import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused } from './native-gradient.ts';

/** By which angles the cells of a batch are turned. */
export interface RotaryAngles {
  /** float32 [positions, S]: cosines of a position's S/2 angles, then their sines */
  table: Float32Array;
  /** int32 [B·T]: the row of the table for each cell */
  positions: Int32Array;
  /** S, an even number */
  headSize: number;
}

/** What `rotary` means, in tfjs ops. */
export function rotaryComposition(x: tf.Tensor3D, turned: number, angles: RotaryAngles): tf.Tensor3D {
  return tf.tidy(() => {
    const [rows, columns, channels] = x.shape;
    const { table, positions, headSize } = angles;
    const pairs = headSize / 2;
    const cells = rows * columns;
    const part = (offset: number): tf.Tensor => {
      const values = new Float32Array(cells * pairs);
      for (const [cell, position] of positions.entries()) {
        const from = position * headSize + offset;
        values.set(table.subarray(from, from + pairs), cell * pairs);
      }
      return tf.tensor(values, [cells, 1, pairs]);
    };
    const [cosines, sines] = [part(0), part(pairs)];
    const flat = x.reshape<tf.Tensor2D>([cells, channels]);
    const heads = flat.slice([0, 0], [-1, turned * headSize]).reshape<tf.Tensor3D>([cells, turned, headSize]);
    const first = heads.slice([0, 0, 0], [-1, -1, pairs]);
    const second = heads.slice([0, 0, pairs], [-1, -1, pairs]);
    const rotated = tf.concat(
      [first.mul(cosines).sub(second.mul(sines)), second.mul(cosines).add(first.mul(sines))],
      2,
    );
    const rest = flat.slice([0, turned * headSize], [-1, channels - turned * headSize]);
    return tf.concat([rotated.reshape([cells, turned * headSize]), rest], 1).reshape(x.shape);
  });
}

function rotaryNative(
  native: NativeBackend,
  x: tf.Tensor3D,
  turned: number,
  { table, positions, headSize }: RotaryAngles,
): tf.Tensor3D {
  const [rows, columns, channels] = x.shape;
  const shape = [rows * columns, channels, turned, headSize] as const;
  return fused([x], {
    forward(save) {
      const y = native.output<tf.Tensor3D>(x.shape);
      native.addon.rotary(...shape, positions, table, false, native.floats(x), y.values);
      save([]);
      return y.tensor;
    },
    backward(dy) {
      const dx = native.output(x.shape);
      native.addon.rotary(...shape, positions, table, true, native.floats(dy), dx.values);
      return [dx.tensor];
    },
  });
}

/**
 * Rotary position embedding (Su et al. 2021), the pairs of a head being its elements i and i + S/2, as Hugging Face
 * stores them: each pair is turned by its cell's angle, so that the product of a query and a key depends on how far
 * apart they are. The gradient turns back.
 * @param x float32 [B,T,C]: heads of S channels, of which the first `turned` are turned and the rest passes through
 * @returns float32 [B,T,C]
 * @throws TrainerError when the shapes do not fit
 */
export function rotary(x: tf.Tensor3D, turned: number, angles: RotaryAngles): tf.Tensor3D {
  const { table, positions, headSize } = angles;
  const [rows, columns, channels] = x.shape;
  if (headSize % 2 !== 0 || turned * headSize > channels || positions.length !== rows * columns) {
    throw new TrainerError(
      `rotary: cells [${x.shape}], ${turned} heads of size ${headSize} and ${positions.length} positions do not fit.`,
    );
  }
  const count = table.length / headSize;
  const outside = positions.find((position) => position < 0 || position >= count);
  if (outside !== undefined) {
    throw new TrainerError(`rotary: position ${outside} is not among the ${count} of the table.`);
  }
  const native = nativeBackend();
  return native ? rotaryNative(native, x, turned, angles) : rotaryComposition(x, turned, angles);
}
