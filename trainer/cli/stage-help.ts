import type { StageName } from '../stages/types.ts';

/** What `--help` says of a stage besides its settings. */
export interface StageHelp {
  what: string;
  /** A command that can be typed after the ones before it. */
  example: string;
}

const texts: Record<string, StageHelp> = {
  pretrain: {
    what: 'trains a tokenizer and a base model on documents',
    example:
      'touchstone pretrain --source documents.jsonl --source books.txt=0.5 --steps 2000 --sample-prompt "The river" --out runs/base',
  },
  sft: {
    what: 'fine-tunes a model on demonstrations',
    example:
      'touchstone sft --model runs/base/model --demonstrations demonstrations.jsonl --epochs 6 --out runs/sft',
  },
  reward: {
    what: 'fits a reward model to rankings',
    example: 'touchstone reward --model runs/sft/model --rankings rankings.jsonl --out runs/reward',
  },
  ppo: {
    what: 'improves a model against a reward model',
    example:
      'touchstone ppo --model runs/sft/model --reward runs/reward/model --prompts prompts.jsonl --beta 0.05 --out runs/ppo',
  },
  dpo: {
    what: 'improves a model on rankings directly, without a reward model',
    example: 'touchstone dpo --model runs/sft/model --rankings rankings.jsonl --out runs/dpo',
  },
};

/** The help of a stage. */
export function helpOf(stage: StageName): StageHelp {
  return (
    texts[stage] ?? {
      what: `runs the stage ${stage}`,
      example: `touchstone ${stage} --config ${stage}.json --out runs/${stage}`,
    }
  );
}

/** What every stage's help ends with. */
export function stageFooter(stage: StageName): string {
  return `
Examples:
  ${helpOf(stage).example}
  touchstone ${stage} --config ${stage}.json --learning-rate 1e-4 --out runs/${stage}
  touchstone ${stage} --resume runs/${stage}

A config file holds the same settings under their names in camel case ({ "learningRate": 1e-4 }); flags come before it.
Ctrl-C saves and leaves; --resume goes on, and ends with the very same weights as a run that was never stopped.
The run's folder: model/ (the finished checkpoint, Hugging Face files), metrics.jsonl, samples.jsonl, checkpoints/.
`;
}

/** What `touchstone help` ends with: the pipeline in its order. */
export const overview = `
From text to a tuned model, in this order (all files are JSON lines, all models Hugging Face folders):
  1. touchstone demo-world --out world          a small made-up world to try everything on, with a config for each stage
  2. touchstone pretrain --source …             documents → base model
  3. touchstone sft --model base …              demonstrations → a model that answers
  4. touchstone sample --model sft …            completions, for people to rank
  5. touchstone reward --model sft …            rankings → reward model
  6. touchstone ppo --model sft --reward …      or dpo: a model that people prefer
  7. touchstone evaluate --model … --report …   is it better? win rates, KL, diversity, one page to read

touchstone help <command> tells its settings, with defaults, units and an example.
Errors are one sentence; TOUCHSTONE_DEBUG=1 adds where they came from. Exit codes: 0, 1 for an error, 130 or 143 after a signal.
`;
