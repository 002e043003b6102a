import { type Quality, writeDemonstration } from './demonstrations.ts';
import { DOCUMENT_MIXTURE, writeDocument } from './documents.ts';
import { createEntities, type Entities } from './entities.ts';
import { type GoldJudgement, judge } from './gold.ts';
import { createPrompts, type Prompt, type PromptKind, type PromptKnowledge, type Split } from './prompts.ts';
import { createRandom, type Random } from './random.ts';

/** The demo world: a controlled language, facts in it, people's questions, and a rubric that knows the answers. */
export interface World {
  readonly seed: number;
  readonly entities: Entities;
  readonly prompts: readonly Prompt[];
  /** The prompts of one split, mixed by kind so that the first N are a fair sample. */
  promptsOf(split: Split): readonly Prompt[];
  /** The first `count` documents of an endless list. */
  documents(count: number): { text: string; source: string }[];
  /** What sort of request a prompt is. Throws for a prompt that is not of this world. */
  kindOf(promptText: string): PromptKind;
  /** A demonstration of the given quality. Throws for a prompt that is not of this world. */
  demonstrate(promptText: string, quality: Quality, random: Random): string;
  /** The gold rubric. Throws for a prompt that is not of this world. */
  gold(promptText: string, completion: string): GoldJudgement;
}

/** The world of a seed: names, facts, prompts and documents differ by seed, the language does not. */
export function createWorld(seed: number): World {
  if (!Number.isSafeInteger(seed)) {
    throw new Error(`createWorld: the seed is ${seed}; expected a whole number`);
  }
  const entities = createEntities(seed);
  const knowledge = createPrompts(seed, entities);
  const byText = new Map(knowledge.map((prompt) => [prompt.text, prompt]));
  const prompts: Prompt[] = knowledge.map(({ id, text, kind, split }) => ({ id, text, kind, split }));
  const trainPrompts = knowledge.filter((prompt) => prompt.split === 'train');

  const find = (promptText: string): PromptKnowledge => {
    const prompt = byText.get(promptText.trim());
    if (prompt === undefined) {
      throw new Error(
        `"${promptText}" is not a prompt of the demo world of seed ${seed}; expected one of its ${prompts.length} prompts`,
      );
    }
    return prompt;
  };

  return {
    seed,
    entities,
    prompts,
    promptsOf: (split) => prompts.filter((prompt) => prompt.split === split),
    documents: (count) => {
      const random = createRandom(seed, 'documents');
      return Array.from({ length: count }, () => {
        const kind = random.weighted(DOCUMENT_MIXTURE);
        return { text: writeDocument({ entities, trainPrompts }, kind, random), source: kind };
      });
    },
    kindOf: (promptText) => find(promptText).kind,
    demonstrate: (promptText, quality, random) =>
      writeDemonstration(find(promptText), quality, random.pick(trainPrompts).text, random),
    gold: (promptText, completion) => judge(find(promptText), completion),
  };
}
