import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePrompt } from '@touchstone/trainer/data/demonstrations.ts';
import { saveCheckpoint } from '@touchstone/trainer/model/checkpoint.ts';
import type { LanguageModel } from '@touchstone/trainer/model/language-model.ts';
import { ScalarModel } from '@touchstone/trainer/model/scalar-model.ts';
import { runStage } from '@touchstone/trainer/stages/index.ts';
import { Tokenizer } from '@touchstone/trainer/tokenizer/tokenizer.ts';
import { createWorld } from '@touchstone/trainer/world/index.ts';
import { type BenchShape, modelOf, type Task } from './tasks.ts';

interface PpoSettings {
  shape: BenchShape;
  episodes: number;
  prompt: number;
  new_tokens: number;
  epochs: number;
  minibatches: number;
}

/**
 * The PPO stage itself, on checkpoints with random weights, stopped after every iteration until the next is asked for.
 * An iteration's seconds are those of the stage's own report. A completion may end early, at the random model's one
 * chance in 512 a token; the seconds are scaled to completions of full length, which the peer always writes.
 */
export async function ppoTask(settings: PpoSettings): Promise<Task> {
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
  const config = { ...(await writeInputs(folder, settings)), ...stageConfig(settings) };
  const controller = new AbortController();
  let resume = (): void => undefined;
  let arrived: (seconds: number) => void = () => undefined;
  let failed: (cause: unknown) => void = () => undefined;
  let stage: Promise<unknown> | null = null;
  const start = (): Promise<unknown> =>
    runStage('ppo', config, {
      runFolder: join(folder, 'run'),
      signal: controller.signal,
      onMetrics({ values }) {
        const { secondsGeneration = 0, secondsScoring = 0, secondsTraining = 0, responseLength = 0 } = values;
        const seconds = secondsGeneration + secondsScoring + secondsTraining;
        const next = new Promise<void>((resolve) => {
          resume = resolve;
        });
        arrived((seconds * settings.new_tokens) / responseLength);
        return next;
      },
      onSamples: () => undefined,
      onMessage: () => undefined,
    }).catch((cause: unknown) => failed(cause));
  return {
    run: () =>
      new Promise<number>((resolve, reject) => {
        arrived = resolve;
        failed = reject;
        if (stage) resume();
        else stage = start();
      }),
    async close() {
      controller.abort();
      resume();
      await stage;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function stageConfig({ episodes, new_tokens, epochs, minibatches }: PpoSettings) {
  const never = 1_000_000;
  return {
    iterations: never,
    checkpointEvery: never,
    sampleEvery: never,
    batchSize: episodes,
    maxNewTokens: new_tokens,
    epochs,
    minibatches,
  };
}

/** Checkpoints of an SFT and a reward model, and prompts of exactly the wanted length. */
async function writeInputs(folder: string, settings: PpoSettings) {
  const texts = createWorld(1)
    .documents(400)
    .map(({ text }) => text);
  const tokenizer = Tokenizer.train(texts, { vocabularySize: settings.shape.vocabulary });
  const model: LanguageModel = modelOf(settings.shape);
  const reward = ScalarModel.fromLanguageModel(model, 2);
  const metadata = { parent: null, dataset: null, config: {}, seed: 1, codeVersion: 'bench', metrics: {} };
  const inputs = {
    model: join(folder, 'sft'),
    reward: join(folder, 'reward'),
    prompts: join(folder, 'prompts.jsonl'),
  };
  await saveCheckpoint(inputs.model, { model, tokenizer, metadata: { stage: 'sft', ...metadata } });
  await saveCheckpoint(inputs.reward, {
    model: reward,
    tokenizer,
    metadata: { stage: 'reward', ...metadata },
  });
  model.dispose();
  reward.dispose();
  const prompts = texts.flatMap((text) => promptOfLength(text, settings.prompt, tokenizer));
  const chosen = prompts.slice(0, settings.episodes);
  if (chosen.length < settings.episodes) throw new Error(`Only ${chosen.length} prompts have the length.`);
  writeFileSync(inputs.prompts, chosen.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(''));
  return inputs;
}

/** The beginning of the text that, as a prompt, has this many tokens; none if there is none. */
function promptOfLength(text: string, tokens: number, tokenizer: Tokenizer): string[] {
  for (let length = 1; length <= text.length; length++) {
    const prompt = text.slice(0, length);
    const found = encodePrompt(prompt, tokenizer, Number.MAX_SAFE_INTEGER).tokens.length;
    if (found === tokens) return [prompt];
    if (found > tokens + 2) return [];
  }
  return [];
}
