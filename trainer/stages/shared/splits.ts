import type { Prompt } from '../../data/template.ts';
import { seedFor } from './seeds.ts';

/**
 * Splits examples by prompt, so that no prompt is on both sides: by their own `split` where any line names one ('train' or
 * nothing is training, everything else is held out), otherwise by a hash of the prompt.
 *
 * @param heldOutFraction share of prompts to hold out where no line names its split
 */
export function splitByPrompt<Example extends { prompt: Prompt; split?: string | undefined }>(
  examples: readonly Example[],
  heldOutFraction: number,
): { training: Example[]; heldOut: Example[] } {
  const named = examples.some(({ split }) => split !== undefined);
  const isHeldOut = ({ prompt, split }: Example): boolean =>
    named
      ? split !== undefined && split !== 'train'
      : seedFor(0, JSON.stringify(prompt)) / 2 ** 32 < heldOutFraction;
  return {
    training: examples.filter((example) => !isHeldOut(example)),
    heldOut: examples.filter(isHeldOut),
  };
}
