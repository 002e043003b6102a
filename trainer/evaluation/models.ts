import type { Demonstration, Document } from '../data/json-lines.ts';
import { type Prompt, renderPrompt } from '../data/template.ts';
import { loadLanguageModel, loadTokenizer, readMetadata } from '../model/checkpoint.ts';
import { chunks } from '../stages/shared/episodes.ts';
import { distinctN, words } from './diversity.ts';
import { bootstrapMean, type Interval, mean } from './intervals.ts';
import {
  type DocumentPerplexity,
  demonstrationPerplexity,
  documentPerplexity,
  type Perplexity,
  packedPerplexity,
} from './perplexity.ts';
import {
  entropyOfSamples,
  klOfSamples,
  type SampledCompletion,
  sampleCompletions,
  scoreCompletions,
} from './sample.ts';
import { selfBleu } from './self-bleu.ts';

/** A checkpoint, and what to call it. */
export interface NamedModel {
  name: string;
  folder: string;
}

/** How models are compared: all on the same prompts, at the same settings. */
export interface ModelSettings {
  prompts: readonly Prompt[];
  /** Completions per prompt. */
  samples: number;
  maxNewTokens: number;
  temperature: number;
  topK?: number | undefined;
  topP?: number | undefined;
  /** Of the draws and of every bootstrap. */
  seed: number;
  /** The model that KL is measured to. */
  reference: NamedModel;
  /** Reward model that scores every completion. */
  reward?: string | undefined;
  /** What completions are worth by a rubric that is known to be right. */
  gold?: ((prompt: Prompt, completion: string) => number) | undefined;
  /** Texts to measure perplexity on. */
  documents?: readonly Document[] | undefined;
  /** Packed in rows as pretraining validates, or each document alone. */
  reading: 'packed' | 'alone';
  demonstrations?: readonly Demonstration[] | undefined;
}

/** What was measured of one model; null where there was nothing to measure it with. */
export interface MeasuredModel extends NamedModel {
  /** The stage that made it, from its touchstone.json; null for a model that others made. */
  stage: string | null;
  step: number | null;
  /** Mean normalised score, interval over prompts. */
  reward: Interval | null;
  gold: Interval | null;
  /** Nats per completion, at the sampling temperature: k1 is unbiased, k3 never negative too (Schulman 2020). */
  klToReference: { k1: number; k3: number } | null;
  /** Nats per token along its own samples. */
  entropy: number;
  distinct1: number;
  distinct2: number;
  /** Over all completions (Zhu et al. 2018). */
  selfBleu: number;
  /** Between the completions of one prompt, mean over prompts; null with one completion each. */
  selfBleuWithinPrompts: number | null;
  /** Mean length in tokens, end-of-text included. */
  length: number;
  /** Share of completions that ended by themselves. */
  endRate: number;
  documents: DocumentPerplexity | null;
  demonstrations: Perplexity | null;
}

/** A model's completions of every prompt, and what they are worth. */
export interface JudgedCompletions {
  completions: SampledCompletion[][];
  rewards: number[][] | null;
  golds: number[][] | null;
}

/**
 * Has one model answer the prompts, and measures it.
 *
 * @param say told in a line what is being done
 * @throws TrainerError that names the folder or file that is not as expected
 */
export async function measureModel(
  model: NamedModel,
  settings: ModelSettings,
  say: (line: string) => void,
): Promise<{ measured: MeasuredModel; judged: JudgedCompletions }> {
  const { prompts, samples, temperature, seed, reward, gold, reference } = settings;
  const metadata = readMetadata(model.folder);
  say(`${model.name}: writing ${prompts.length * samples} completions.`);
  const completions = await sampleCompletions(model.folder, prompts, settings);
  const flat = prompts.flatMap((prompt, i) =>
    (completions[i] ?? []).map((completion) => ({ prompt, ...completion })),
  );
  say(`${model.name}: measuring them.`);
  const rewards =
    reward === undefined
      ? null
      : chunks(
          await scoreCompletions(
            reward,
            flat.map(({ prompt, text, finished }) => ({ prompt, completion: text, finished })),
          ),
          samples,
        );
  const golds = gold
    ? chunks(
        flat.map(({ prompt, text }) => gold(prompt, text)),
        samples,
      )
    : null;
  const kl = !sameTokens(model.folder, reference.folder, prompts)
    ? null
    : model.folder === reference.folder
      ? { k1: 0, k3: 0 }
      : await klOfSamples(model.folder, reference.folder, flat, { temperature });
  const texts = flat.map(({ text }) => words(text));
  const withinPrompts = chunks(texts, samples).map((own) => selfBleu(own));
  const overPrompts = (values: number[][] | null): Interval | null =>
    values && bootstrapMean(values.map(mean), { seed });
  const measured: MeasuredModel = {
    ...model,
    stage: metadata?.stage ?? null,
    step: metadata?.step ?? null,
    reward: overPrompts(rewards),
    gold: overPrompts(golds),
    klToReference: kl,
    entropy: await entropyOfSamples(model.folder, flat, { temperature }),
    distinct1: distinctN(texts, 1),
    distinct2: distinctN(texts, 2),
    selfBleu: selfBleu(texts),
    selfBleuWithinPrompts: samples > 1 ? mean(withinPrompts) : null,
    length: mean(flat.map(({ tokens }) => tokens.length)),
    endRate: mean(flat.map(({ finished }) => (finished ? 1 : 0))),
    ...(await perplexities(model.folder, settings)),
  };
  return { measured, judged: { completions, rewards, golds } };
}

async function perplexities(
  folder: string,
  { documents, demonstrations, reading, seed }: ModelSettings,
): Promise<Pick<MeasuredModel, 'documents' | 'demonstrations'>> {
  if (!documents && !demonstrations) return { documents: null, demonstrations: null };
  const tokenizer = loadTokenizer(folder);
  const model = await loadLanguageModel(folder);
  try {
    const readDocuments = (all: readonly Document[]) =>
      reading === 'packed'
        ? packedPerplexity(model, tokenizer, all)
        : documentPerplexity(model, tokenizer, all, { seed });
    return {
      documents: documents ? await readDocuments(documents) : null,
      demonstrations: demonstrations ? await demonstrationPerplexity(model, tokenizer, demonstrations) : null,
    };
  } finally {
    model.dispose();
  }
}

/** KL compares probabilities of tokens: both models must mean the same by them. */
function sameTokens(folder: string, other: string, prompts: readonly Prompt[]): boolean {
  if (folder === other) return true;
  const [one, two] = [loadTokenizer(folder), loadTokenizer(other)];
  return (
    one.vocabularySize === two.vocabularySize &&
    prompts.every((prompt) => {
      const text = renderPrompt(prompt);
      return one.encode(text).join() === two.encode(text).join();
    })
  );
}
