import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** Score of a cell that must not be seen: its weight is exactly 0, and unlike -∞ it never makes a NaN. */
export const HIDDEN = -1e30;

/** How the channels of a cell divide: H heads of queries, then G of keys and G of values, each of S channels. */
export interface HeadShape {
  heads: number;
  keyValueHeads: number;
  size: number;
}

/** @throws TrainerError when the channels do not divide into so many heads */
export function headShape(qkv: tf.Tensor3D, heads: number, keyValueHeads: number): HeadShape {
  const channels = qkv.shape[2];
  const whole = (value: number): boolean => Number.isInteger(value) && value > 0;
  const size = channels / (heads + 2 * keyValueHeads);
  if (!whole(heads) || !whole(keyValueHeads) || !whole(heads / keyValueHeads) || !Number.isInteger(size)) {
    throw new TrainerError(
      `attention: a width of ${channels} does not divide into queries, keys and values of ${
        heads === keyValueHeads ? `${heads} heads` : `${heads} and ${keyValueHeads} heads`
      }.`,
    );
  }
  return { heads, keyValueHeads, size };
}

/** [B,T,(H+2G)S] into queries [B,H,T,S], and keys and values [B,G,T,S]. */
export function splitHeads(
  qkv: tf.Tensor3D,
  { heads, keyValueHeads, size }: HeadShape,
): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const [rows, columns] = qkv.shape;
  const part = (from: number, count: number): tf.Tensor4D =>
    qkv
      .slice([0, 0, from * size], [-1, -1, count * size])
      .reshape([rows, columns, count, size])
      .transpose([0, 2, 1, 3]);
  return [part(0, heads), part(heads, keyValueHeads), part(heads + keyValueHeads, keyValueHeads)];
}

/**
 * Softmax attention of heads [B,H,N,S] over keys and values [B,G,M,S]; `visible` is 1 or 0, [B or 1,1,N,M]. Query heads
 * that share keys are more rows of one product: keys are never repeated.
 */
export function attend(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, visible: tf.Tensor4D): tf.Tensor3D {
  const [rows, heads, columns, size] = q.shape;
  const [, keyValueHeads, cells] = k.shape;
  const together = (heads / keyValueHeads) * columns;
  const grouped = q.reshape<tf.Tensor4D>([rows, keyValueHeads, together, size]);
  const scores = tf
    .matMul(grouped, k, false, true)
    .mul(1 / Math.sqrt(size))
    .reshape([rows, heads, columns, cells]);
  // s · 1 + 0 where visible, s · 0 - 1e30 elsewhere: only ops that every device has, gradient included.
  const weights = tf.softmax(scores.mul(visible).add(tf.sub(1, visible).mul(HIDDEN)));
  return tf
    .matMul(weights.reshape([rows, keyValueHeads, together, cells]), v)
    .reshape([rows, heads, columns, size])
    .transpose([0, 2, 1, 3])
    .reshape([rows, columns, heads * size]);
}

/** float32 [B or 1,1,T,T]: 1 where cell i may see cell j. */
function visibility(columns: number, segmentIds: tf.Tensor2D | null): tf.Tensor4D {
  const index = tf.range(0, columns, 1, 'int32');
  const causal = tf
    .lessEqual(index.reshape([1, columns]), index.reshape([columns, 1]))
    .toFloat()
    .reshape([1, 1, columns, columns]) as tf.Tensor4D;
  if (!segmentIds) return causal;
  const rows = segmentIds.shape[0];
  const own = tf
    .equal(segmentIds.reshape([rows, 1, columns, 1]), segmentIds.reshape([rows, 1, 1, columns]))
    .toFloat();
  const real = tf.notEqual(segmentIds, tf.scalar(0, 'int32')).toFloat().reshape([rows, 1, columns, 1]);
  const itself = tf.eye(columns).reshape([1, 1, columns, columns]);
  return tf.maximum(causal.mul(own).mul(real), itself) as tf.Tensor4D;
}

/** What `causalAttention` means, in tfjs ops. */
export function causalAttentionComposition(
  qkv: tf.Tensor3D,
  heads: number,
  segmentIds: tf.Tensor2D | null,
  keyValueHeads = heads,
): tf.Tensor3D {
  return tf.tidy(() => {
    const [q, k, v] = splitHeads(qkv, headShape(qkv, heads, keyValueHeads));
    return attend(q, k, v, visibility(qkv.shape[1], segmentIds));
  });
}

function causalAttentionNative(
  native: NativeBackend,
  qkv: tf.Tensor3D,
  { heads, keyValueHeads, size }: HeadShape,
  segmentIds: tf.Tensor2D | null,
): tf.Tensor3D {
  const [rows, columns] = qkv.shape;
  const shape = [rows, columns, heads, keyValueHeads, size] as const;
  return fused([qkv], {
    forward(save) {
      const out = native.output<tf.Tensor3D>([rows, columns, heads * size]);
      const logSums = native.output([rows, heads, columns]);
      const segments = segmentIds ? native.ints(segmentIds) : null;
      native.addon.attention(...shape, native.floats(qkv), segments, out.values, logSums.values);
      save([qkv, out.tensor, logSums.tensor, ...(segmentIds ? [segmentIds] : [])]);
      return out.tensor;
    },
    backward(dy, saved) {
      const dqkv = native.output(qkv.shape);
      const floats = (index: number): Float32Array => native.floats(savedAt(saved, index));
      const segments = segmentIds ? native.ints(savedAt(saved, 3)) : null;
      const inputs = [floats(0), segments, floats(1), floats(2), native.floats(dy)] as const;
      native.addon.attentionGradient(...shape, ...inputs, dqkv.values);
      return [dqkv.tensor];
    },
  });
}

/**
 * Multi-head softmax attention in which a cell sees itself and the cells to its left of its own segment. A padding
 * cell (segment 0) sees itself only. With fewer heads of keys and values than of queries, consecutive heads of queries
 * share one (grouped-query attention, Ainslie et al. 2023).
 * @param qkv float32 [B,T,(H+2G)S]: queries of `heads` heads, then keys and values of `keyValueHeads` each, side by side
 * @param segmentIds int32 [B,T], or null for one segment a row
 * @returns float32 [B,T,HS], before the output projection
 * @throws TrainerError when the shapes do not fit
 */
export function causalAttention(
  qkv: tf.Tensor3D,
  heads: number,
  segmentIds: tf.Tensor2D | null,
  keyValueHeads = heads,
): tf.Tensor3D {
  const shape = headShape(qkv, heads, keyValueHeads);
  if (segmentIds && (segmentIds.shape[0] !== qkv.shape[0] || segmentIds.shape[1] !== qkv.shape[1])) {
    throw new TrainerError(
      `attention: segment ids [${segmentIds.shape}] came with cells [${qkv.shape.slice(0, 2)}].`,
    );
  }
  const native = nativeBackend();
  return native
    ? causalAttentionNative(native, qkv, shape, segmentIds)
    : causalAttentionComposition(qkv, heads, segmentIds, keyValueHeads);
}
