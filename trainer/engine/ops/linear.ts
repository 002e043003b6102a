import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { geluComposition } from './gelu.ts';
import { fused, savedAt } from './native-gradient.ts';

export interface LinearOptions {
  activation?: 'gelu' | undefined;
  /** weight is [O,I] instead of [I,O], as in a head tied to the token embedding */
  transposeWeight?: boolean | undefined;
}

/** What `linear` means, in tfjs ops. */
export function linearComposition(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { activation, transposeWeight = false }: LinearOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    const inputs = x.shape.at(-1) ?? 1;
    const outputs = weight.shape[transposeWeight ? 0 : 1];
    let y: tf.Tensor2D = tf.matMul(x.reshape([-1, inputs]) as tf.Tensor2D, weight, false, transposeWeight);
    if (bias) y = y.add(bias);
    if (activation === 'gelu') y = geluComposition(y);
    return y.reshape([...x.shape.slice(0, -1), outputs]);
  });
}

function linearNative(
  native: NativeBackend,
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { activation, transposeWeight = false }: LinearOptions,
): tf.Tensor {
  const { addon } = native;
  const gelu = activation === 'gelu';
  const [inputs, outputs] = transposeWeight ? [weight.shape[1], weight.shape[0]] : weight.shape;
  const rows = inputs === 0 ? 0 : x.size / inputs;
  // Steps through the weight from one input to the next, and from one output to the next.
  const [byInput, byOutput] = transposeWeight ? [1, inputs] : [outputs, 1];
  return fused(bias ? [x, weight, bias] : [x, weight], {
    forward(save) {
      const y = native.output([...x.shape.slice(0, -1), outputs]);
      const before = gelu && tf.engine().state.gradientDepth > 0 ? native.output(y.tensor.shape) : null;
      save(before ? [x, weight, before.tensor] : [x, weight]);
      const values = [native.floats(x), native.floats(weight), y.values] as const;
      const biases = bias ? native.floats(bias) : null;
      const steps = [inputs, 1, byInput, byOutput, outputs] as const;
      addon.gemm(
        rows,
        outputs,
        inputs,
        0,
        0,
        0,
        ...steps,
        ...values,
        false,
        biases,
        gelu,
        before?.values ?? null,
      );
      return y.tensor;
    },
    backward(dy, saved) {
      const dBefore = gelu ? native.output(dy.shape) : null;
      if (dBefore)
        addon.geluGradient(dy.size, native.floats(savedAt(saved, 2)), native.floats(dy), dBefore.values);
      const d = dBefore?.values ?? native.floats(dy);
      const dx = native.output(x.shape);
      const w = native.floats(savedAt(saved, 1));
      const steps = [outputs, 1, byOutput, byInput, inputs] as const;
      addon.gemm(rows, inputs, outputs, 0, 0, 0, ...steps, d, w, dx.values, false, null, false, null);
      const dw = native.output(weight.shape);
      const xs = native.floats(savedAt(saved, 0));
      if (transposeWeight) {
        addon.gemm(
          outputs,
          inputs,
          rows,
          0,
          0,
          0,
          1,
          outputs,
          inputs,
          1,
          inputs,
          d,
          xs,
          dw.values,
          false,
          null,
          false,
          null,
        );
      } else {
        addon.gemm(
          inputs,
          outputs,
          rows,
          0,
          0,
          0,
          1,
          inputs,
          outputs,
          1,
          outputs,
          xs,
          d,
          dw.values,
          false,
          null,
          false,
          null,
        );
      }
      if (!bias) return [dx.tensor, dw.tensor];
      const db = native.output([outputs]);
      addon.columnSums(rows, outputs, d, db.values);
      return [dx.tensor, dw.tensor, db.tensor];
    },
  });
}

/**
 * x · weight + bias, then the activation.
 * @param x float32 [...,I]
 * @param weight float32 [I,O], or [O,I] with `transposeWeight`
 * @param bias float32 [O], or null
 * @returns float32 [...,O]
 * @throws TrainerError when the shapes do not fit
 */
export function linear(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  options: LinearOptions = {},
): tf.Tensor {
  const inputs = weight.shape[options.transposeWeight ? 1 : 0];
  const outputs = weight.shape[options.transposeWeight ? 0 : 1];
  if (x.shape.at(-1) !== inputs || (bias && bias.size !== outputs)) {
    throw new TrainerError(
      `linear: x [${x.shape}]${bias ? `, bias [${bias.shape}]` : ''} and a weight of ${inputs} inputs and ${outputs} outputs do not fit.`,
    );
  }
  const native = nativeBackend();
  return native
    ? linearNative(native, x, weight, bias, options)
    : linearComposition(x, weight, bias, options);
}
