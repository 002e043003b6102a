import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** Score of a cell that must not be seen: its weight is exactly 0, and unlike -∞ it never makes a NaN. */
export const HIDDEN = -1e30;

/** [B,T,3D] into queries, keys and values, each [B,H,T,D/H]. */
export function splitHeads(qkv: tf.Tensor3D, heads: number): [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D] {
  const [rows, columns, triple] = qkv.shape;
  const width = triple / 3;
  const part = (index: number): tf.Tensor4D =>
    qkv
      .slice([0, 0, index * width], [-1, -1, width])
      .reshape([rows, columns, heads, width / heads])
      .transpose([0, 2, 1, 3]);
  return [part(0), part(1), part(2)];
}

/** Softmax attention of heads [B,H,N,S] over keys and values [B,H,M,S]; `visible` is 1 or 0, [B or 1,1,N,M]. */
export function attend(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, visible: tf.Tensor4D): tf.Tensor3D {
  const [rows, heads, columns, size] = q.shape;
  const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(size));
  // s · 1 + 0 where visible, s · 0 - 1e30 elsewhere: only ops that every device has, gradient included.
  const weights = tf.softmax(scores.mul(visible).add(tf.sub(1, visible).mul(HIDDEN)));
  return tf
    .matMul(weights, v)
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
): tf.Tensor3D {
  return tf.tidy(() => {
    const [q, k, v] = splitHeads(qkv, heads);
    return attend(q, k, v, visibility(qkv.shape[1], segmentIds));
  });
}

function causalAttentionNative(
  native: NativeBackend,
  qkv: tf.Tensor3D,
  heads: number,
  segmentIds: tf.Tensor2D | null,
): tf.Tensor3D {
  const [rows, columns, triple] = qkv.shape;
  const width = triple / 3;
  const shape = [rows, columns, heads, width / heads] as const;
  return fused([qkv], {
    forward(save) {
      const out = native.output<tf.Tensor3D>([rows, columns, width]);
      const logSums = native.output([rows, heads, columns]);
      const segments = segmentIds ? native.ints(segmentIds) : null;
      native.addon.attention(...shape, native.floats(qkv), segments, out.values, logSums.values);
      save([qkv, out.tensor, logSums.tensor, ...(segmentIds ? [segmentIds] : [])]);
      return out.tensor;
    },
    backward(dy, saved) {
      const dqkv = native.output([rows, columns, triple]);
      const floats = (index: number): Float32Array => native.floats(savedAt(saved, index));
      const segments = segmentIds ? native.ints(savedAt(saved, 3)) : null;
      const inputs = [floats(0), segments, floats(1), floats(2), native.floats(dy)] as const;
      native.addon.attentionGradient(...shape, ...inputs, dqkv.values);
      return [dqkv.tensor];
    },
  });
}

/** @throws TrainerError when [B,T,3D] does not divide into three parts of so many heads */
export function checkHeads(qkv: tf.Tensor3D, heads: number): void {
  const triple = qkv.shape[2];
  if (!(Number.isInteger(heads) && heads > 0) || triple % (3 * heads) !== 0) {
    throw new TrainerError(
      `attention: a width of ${triple} does not divide into queries, keys and values of ${heads} heads.`,
    );
  }
}

/**
 * Multi-head softmax attention in which a cell sees itself and the cells to its left of its own segment. A padding
 * cell (segment 0) sees itself only.
 * @param qkv float32 [B,T,3D]: queries, keys and values side by side, each of `heads` heads
 * @param segmentIds int32 [B,T], or null for one segment a row
 * @returns float32 [B,T,D], before the output projection
 * @throws TrainerError when the shapes do not fit
 */
export function causalAttention(
  qkv: tf.Tensor3D,
  heads: number,
  segmentIds: tf.Tensor2D | null,
): tf.Tensor3D {
  checkHeads(qkv, heads);
  if (segmentIds && (segmentIds.shape[0] !== qkv.shape[0] || segmentIds.shape[1] !== qkv.shape[1])) {
    throw new TrainerError(
      `attention: segment ids [${segmentIds.shape}] came with cells [${qkv.shape.slice(0, 2)}].`,
    );
  }
  const native = nativeBackend();
  return native
    ? causalAttentionNative(native, qkv, heads, segmentIds)
    : causalAttentionComposition(qkv, heads, segmentIds);
}
