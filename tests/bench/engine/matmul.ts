import { duel } from '../duel.ts';
import { type Measurement, measurement, median } from '../row.ts';
import type { BenchOptions } from '../suite.ts';
import { type Contenders, trainStepSettings } from './contenders.ts';
import { referenceShape } from './flops.ts';
import type { Limits } from './limits.ts';

type Product = [m: number, k: number, n: number, left: boolean, right: boolean];

/** The three products of a linear layer from `inputs` to `outputs`: forward, and the gradients of input and weight. */
function productsOf(tokens: number, inputs: number, outputs: number): Product[] {
  return [
    [tokens, inputs, outputs, false, false],
    [tokens, outputs, inputs, false, true],
    [inputs, tokens, outputs, true, false],
  ];
}

/** `matmul`: GFLOP/s over the products of one training step, a layer and the head; then each kind of layer alone. */
export async function matmulRows(
  sides: Contenders,
  limits: Limits,
  { threads }: BenchOptions,
): Promise<Measurement[]> {
  const { width, vocabulary } = referenceShape;
  const tokens = trainStepSettings.rows * trainStepSettings.columns;
  const layers = {
    qkv: productsOf(tokens, width, 3 * width),
    projection: productsOf(tokens, width, width),
    'feed-forward': [...productsOf(tokens, width, 4 * width), ...productsOf(tokens, 4 * width, width)],
    head: productsOf(tokens, width, vocabulary),
  };
  const measure = async (name: string, shapes: Product[]): Promise<Measurement> => {
    const request = { task: 'matmul', settings: { shapes }, repeats: 5, threads };
    const { ours, peer } = await duel(sides.ours, sides.peer, request, 3);
    const flops = shapes.reduce((sum, [m, k, n]) => sum + 2 * m * k * n, 0);
    const rate = (seconds: number[]): number => flops / median(seconds) / 1e9;
    return measurement(name, 'GFLOP/s', 'higher', {
      ours: rate(ours),
      peer: peer && rate(peer),
      limit: limits.flops / 1e9,
    });
  };
  const rows = [await measure('matmul', Object.values(layers).flat())];
  for (const [name, shapes] of Object.entries(layers)) rows.push(await measure(`matmul/${name}`, shapes));
  return rows;
}
