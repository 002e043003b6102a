import { selectRows } from '../../data/batch.ts';
import { Mixture, type MixtureState } from '../../data/mixture.ts';
import { packRows } from '../../data/packing.ts';
import type { Loss } from '../../engine/gradients.ts';
import { tf } from '../../engine/tf.ts';
import { TrainerError } from '../../errors.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { chunks } from './episodes.ts';
import { countedWeight, summedLoss } from './language-model-loss.ts';
import { loadCorpora } from './pretraining-data.ts';
import { seedFor } from './seeds.ts';

/** The part of PPO's config that mixes pretraining data in. */
export interface PretrainingMixSettings {
  seed: number;
  ptxSources: { path: string; weight: number }[];
  ptxCoefficient: number;
  ptxRowLength: number | null;
}

/**
 * Pretraining data that is mixed into another loss: PPO-ptx (InstructGPT, equation 2 and appendix C.4). The term is
 * γ · mean over the rows' tokens of −log p(next token), in nats, of the model as it is: no temperature, no dropout.
 */
export class PretrainingMix {
  readonly #mixture: Mixture;
  readonly #coefficient: number;

  /** @throws TrainerError when rows are longer than the context, or a source has too little text for one */
  constructor(settings: PretrainingMixSettings, tokenizer: Tokenizer, contextLength: number) {
    const columns = settings.ptxRowLength ?? contextLength;
    if (columns > contextLength) {
      throw new TrainerError(
        `ptxRowLength is ${columns} and the policy's context ${contextLength} tokens: expected no more than that.`,
      );
    }
    const { training } = loadCorpora(
      { sources: settings.ptxSources, validationFraction: 0, context: columns },
      tokenizer,
    );
    this.#mixture = new Mixture(training, { columns, seed: seedFor(settings.seed, 'ptx') });
    this.#coefficient = settings.ptxCoefficient;
  }

  /**
   * Draws the next rows and gives their loss times γ, in parts of `micro` rows, each divided by the tokens of them all.
   *
   * @param seen gets each part's share of the loss before γ, in nats per token
   */
  losses(model: LanguageModel, rows: number, micro: number, seen: (loss: number) => void): Loss[] {
    const batch = packRows(this.#mixture, rows);
    const divisor = countedWeight(batch);
    const all = Array.from({ length: rows }, (_, row) => row);
    return chunks(all, micro).map((chosen): Loss => {
      const part = selectRows(batch, chosen);
      return (watch) => {
        const loss = tf.div<tf.Scalar>(summedLoss(model, part), divisor);
        watch(loss, ([value]) => seen(value ?? Number.NaN));
        return tf.mul<tf.Scalar>(loss, this.#coefficient);
      };
    });
  }

  /** Where the reading stands; JSON. */
  state(): MixtureState {
    return this.#mixture.state();
  }

  restore(state: MixtureState): void {
    this.#mixture.restore(state);
  }
}
