import type { TokenBatch } from '../data/batch.ts';
import type { LinearOptions } from '../engine/ops/linear.ts';
import type { tf } from '../engine/tf.ts';

/** Shape and initial standard deviation of one parameter. Gains start at 1, biases at 0. */
export interface ParameterSpec {
  shape: number[];
  initial: { constant: number } | { deviation: number };
}

/** Residual and embedding dropout of one training pass; the same seed drops the same cells. */
export interface Dropout {
  /** share of the activations set to 0, in [0, 1) */
  rate: number;
  seed: number;
}

/** What one forward pass hands to a family: the model's parameters as layers, and how its cells see each other. */
export interface Pass {
  readonly batch: TokenBatch;
  /** x [...,I] through the linear layer `name` (its ".weight", and its ".bias" where the model has one): [...,O] */
  project(x: tf.Tensor, name: string, options?: LinearOptions): tf.Tensor;
  /** x through several layers at once, their results side by side; none has an activation or a residual */
  projectTogether(x: tf.Tensor, names: readonly string[]): tf.Tensor;
  matrix(name: string): tf.Tensor2D;
  vector(name: string): tf.Tensor1D;
  /** attention of the cells over what each may see, [B,T,(H+2G)S] of queries, keys and values side by side to [B,T,HS] */
  attend(qkv: tf.Tensor3D, layer: number): tf.Tensor3D;
  /** dropout of the pass's place `at`, counted from 0; undefined where none is wanted */
  dropout(at: number): Dropout | undefined;
}

/** A transformer of one family and shape: which parameters it has, under Hugging Face's names, and what it computes. */
export interface Family {
  /** what it is called, in messages */
  readonly name: string;
  /** what stands before the trunk's names in files, and in a model with another head */
  readonly prefix: string;
  /** the token embedding's weight [V,D], by name */
  readonly embedding: string;
  /** the output layer's weight [V,D], by name: the embedding's, or one of its own, which no prefix stands before */
  readonly head: string;
  /** whether weights of linear layers are [out, in]; else they are [in, out] */
  readonly outputsFirst: boolean;
  /** tensors that files carry along and that are no weights, by name without the prefix */
  isDerived(name: string): boolean;
  /** every parameter without the trunk's prefix, in file order */
  parameterSpecs(): Map<string, ParameterSpec>;
  /** the residual stream's beginning, [B,T,D] */
  embed(pass: Pass): tf.Tensor;
  /** one block: the residual stream [B,T,D] after it */
  block(pass: Pass, x: tf.Tensor, layer: number): tf.Tensor;
  /** what the head reads, [B,T,D] */
  finish(pass: Pass, x: tf.Tensor): tf.Tensor;
}
