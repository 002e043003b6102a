import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** What `swiglu` means, in tfjs ops. */
export function swigluComposition(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const width = (x.shape.at(-1) ?? 0) / 2;
    const half = (index: number): tf.Tensor => {
      const flat = x.reshape<tf.Tensor2D>([x.size / (2 * width), 2 * width]);
      return flat.slice([0, index * width], [-1, width]);
    };
    const gate = half(0);
    return gate
      .mul(gate.sigmoid())
      .mul(half(1))
      .reshape([...x.shape.slice(0, -1), width]);
  });
}

function swigluNative(native: NativeBackend, x: tf.Tensor): tf.Tensor {
  const width = (x.shape.at(-1) ?? 0) / 2;
  const rows = x.size / (2 * width);
  return fused([x], {
    forward(save) {
      const y = native.output([...x.shape.slice(0, -1), width]);
      native.addon.swiglu(rows, width, native.floats(x), y.values);
      save([x]);
      return y.tensor;
    },
    backward(dy, saved) {
      const dx = native.output(x.shape);
      native.addon.swigluGradient(
        rows,
        width,
        native.floats(savedAt(saved, 0)),
        native.floats(dy),
        dx.values,
      );
      return [dx.tensor];
    },
  });
}

/**
 * The gated activation of Llama's feed-forward layer (Shazeer 2020): silu(gate) · up, silu(g) = g σ(g).
 * @param x float32 [...,2I]: the gate's I numbers, then the I that it lets through
 * @returns float32 [...,I]
 * @throws TrainerError when the last axis has no two halves
 */
export function swiglu(x: tf.Tensor): tf.Tensor {
  const both = x.shape.at(-1) ?? 0;
  if (both === 0 || both % 2 !== 0) {
    throw new TrainerError(
      `swiglu: the last axis of [${x.shape}] does not divide into a gate and its input.`,
    );
  }
  const native = nativeBackend();
  return native ? swigluNative(native, x) : swigluComposition(x);
}
