import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TokenCorpus } from '../data/corpus.ts';
import { describePlaces } from '../data/places.ts';
import { openDevice } from '../engine/device.ts';
import { tf } from '../engine/tf.ts';
import { parameterSpecs } from '../model/language-model.ts';
import { readSafetensors, writeSafetensors } from '../model/safetensors.ts';
import { tinyConfig } from '../model/testing/tiny.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { runStage } from './index.ts';
import type { PretrainInput } from './pretrain.config.ts';
import type { SftInput } from './sft.config.ts';
import { decays } from './shared/learner.ts';
import { readRunState } from './shared/run-state.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import {
  letterTokenizer,
  recordingContext,
  stepsInLog,
  temporaryFolder,
  tinyModel,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';
import type { StageName } from './types.ts';

const { folder, remove } = temporaryFolder();
let tokenizer: Tokenizer;
let sft: SftInput;
let pretrain: PretrainInput;

beforeAll(async () => {
  await openDevice('auto');
  tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1);
  const parent = await writeTiny(join(folder, 'parent'), model, tokenizer);
  model.dispose();
  const letters = [...'abcdefgh'];
  sft = {
    seed: 3,
    model: parent,
    demonstrations: writeLines(
      folder,
      'demonstrations.jsonl',
      letters.map((letter) => ({ prompt: letter, completion: letter })),
    ),
    validationFraction: 0,
    epochs: 4,
    batchSize: 3,
    // The first update makes every weight so large that products of two overflow.
    learningRate: 1e30,
    schedule: 'constant',
    dropout: 0,
    checkpointEvery: 1,
  };
  pretrain = {
    seed: 7,
    sources: [
      {
        path: writeLines(
          folder,
          'documents.jsonl',
          letters.map((letter) => ({ text: `ab cde ${letter}.` })),
        ),
      },
    ],
    validationFraction: 0,
    tokenizer: parent,
    context: 16,
    width: 16,
    layers: 1,
    heads: 2,
    steps: 8,
    batchSize: 2,
    learningRate: 1e30,
    schedule: 'constant',
    warmupSteps: 0,
    checkpointEvery: 1,
  };
});
afterAll(remove);

async function failure(stage: StageName, config: object, name: string): Promise<string> {
  const before = tf.memory().numTensors;
  const { context } = recordingContext(join(folder, name));
  const error: unknown = await runStage(stage, config, context).then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(tf.memory().numTensors).toBe(before);
  return error instanceof Error ? error.message : '';
}

describe('a loss that is no number', () => {
  it('stops the run: step, loss and the lines of the batch are named, the last good state is kept', async () => {
    const message = await failure('sft', sft, 'sft');
    const lines = new ShuffledOrder(8, seedFor(3, 'demonstrations'))
      .take(3, 3)
      .map((index) => index + 1)
      .sort((a, b) => a - b);
    expect(message).toBe(
      `Step 2 was not taken: the loss of model is NaN and its gradient's norm NaN on lines ${lines[0]}, ${lines[1]} and ${lines[2]} of ${sft.demonstrations}, where finite numbers were expected; the state of step 1 is kept in ${join(folder, 'sft')}: look at these rows, or begin in another folder with a learning rate below 1e+30.`,
    );
    expect(stepsInLog(join(folder, 'sft'))).toEqual([1]);
    expect(readdirSync(join(folder, 'sft')).sort()).toEqual([
      'metrics.jsonl',
      'run.json',
      'state-1.safetensors',
      'state.json',
    ]);
    const state = readFileSync(join(folder, 'sft', 'state-1.safetensors'));
    // Going on from there comes to the same end, and spoils nothing.
    expect(await failure('sft', sft, 'sft')).toBe(message);
    expect(readRunState(join(folder, 'sft'))?.step).toBe(1);
    expect(readFileSync(join(folder, 'sft', 'state-1.safetensors')).equals(state)).toBe(true);
  });

  it('is said of pretraining with the documents that the rows were made of', async () => {
    const message = await failure('pretrain', pretrain, 'pretrain');
    expect(message).toMatch(
      /^Step 2 was not taken: the loss of model is NaN .* on lines [1-8](, [1-8])* and [1-8] of documents\.jsonl, .* the state of step 1 is kept in /,
    );
  });

  it('is said of rankings with their lines, of a reward model and of DPO', async () => {
    const rows = [...'abcdefgh'].map((prompt) => ({ prompt, completions: ['a', 'bc'], ranks: [1, 2] }));
    const rankings = writeLines(folder, 'rankings.jsonl', rows);
    const common = { model: sft.model, rankings, validationFraction: 0, batchSize: 2, checkpointEvery: 1 };
    for (const stage of ['reward', 'dpo'] as const) {
      const config = { ...common, epochs: 2, learningRate: 1e30, schedule: 'constant' };
      const message = await failure(stage, config, stage);
      expect(message).toMatch(/^Step \d was not taken: the loss of \w+ is NaN .* on lines \d and \d of /);
      expect(message).toContain(`of ${rankings}, where finite numbers were expected; the state of step`);
    }
  });

  it('that only the update makes is not saved: no state and no model of weights that are no numbers', async () => {
    const message = await failure('sft', { ...sft, learningRate: 1e39 }, 'overflow');
    expect(message).toMatch(
      /^Step 1 left -?(Infinity|NaN) in model\.\S+, where finite numbers were expected, and is not saved; no state had been saved yet: begin in another folder with a lower learning rate\.$/,
    );
    const last = { ...sft, learningRate: 1e39, epochs: 1, batchSize: 8 };
    expect(await failure('sft', last, 'last')).toContain('Step 1 left');
    expect(existsSync(join(folder, 'last', 'model'))).toBe(false);
    expect(existsSync(join(folder, 'last', 'result.json'))).toBe(false);
  });

  it('of adapters is stopped as well', async () => {
    const message = await failure('sft', { ...sft, lora: {} }, 'adapters');
    expect(message).toContain('Step 2 was not taken: the loss of model is NaN');
  });
});

describe('weights that are no numbers', () => {
  it('are refused at load by the tensor’s name and place, before anything is written', async () => {
    const model = tinyModel(tokenizer, 1);
    const poisoned = await writeTiny(join(folder, 'poisoned'), model, tokenizer);
    model.dispose();
    const file = join(poisoned, 'model.safetensors');
    const tensors = readSafetensors(file);
    const name = 'transformer.h.0.mlp.c_fc.weight';
    tensors.get(name)?.data.fill(Number.NaN, 5, 7);
    writeSafetensors(file, tensors);
    expect(await failure('sft', { ...sft, model: poisoned }, 'refused')).toBe(
      `${poisoned}: the tensor h.0.mlp.c_fc.weight holds NaN at place 5: expected finite numbers; its training went wrong, or the file is damaged.`,
    );
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });
});

describe('places in data files', () => {
  it('are lines in order, each once, by file; of many the rest is counted', () => {
    expect(describePlaces(['/d/a.jsonl:20', '/d/a.jsonl:3', '/d/a.jsonl:20', undefined])).toBe(
      'lines 3 and 20 of /d/a.jsonl',
    );
    expect(describePlaces(['C:\\d\\a.jsonl:7', 'b.jsonl:1', 'b.txt, tokens 0 to 15'])).toBe(
      'line 7 of C:\\d\\a.jsonl, line 1 of b.jsonl, b.txt, tokens 0 to 15',
    );
    expect(describePlaces([])).toBe('rows of unknown origin');
    const many = Array.from({ length: 130 }, (_, i) => `a.jsonl:${i + 1}`);
    expect(describePlaces(many)).toMatch(/, 99, 100 and 30 more of a\.jsonl$/);
  });

  it('of a corpus are the lines of its documents, or the tokens of a text without lines', () => {
    const corpus = TokenCorpus.encode(
      'a.jsonl',
      ['abc', '', 'defg', 'ha'].map((text, i) => ({ text, line: i + 1 })),
      tokenizer,
    );
    const places = corpus.pieces(2).map((piece) => corpus.placeOf(piece));
    expect(places).toEqual(['a.jsonl:1', 'a.jsonl:1', 'a.jsonl:3', 'a.jsonl:3', 'a.jsonl:4']);
    const book = TokenCorpus.encode('book.txt', [{ text: 'abcdefgh' }], tokenizer);
    expect(book.placeOf({ start: 4, cells: 3 })).toBe('book.txt, tokens 4 to 6');
  });
});

describe('weight decay', () => {
  it('is for matrices, of GPT-2 and of Llama: not for biases, norms and positions', () => {
    const decaying = [...parameterSpecs(tinyConfig).keys()].filter(decays);
    expect(decaying).toEqual([
      'wte.weight',
      ...[0, 1].flatMap((layer) =>
        ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'].map((name) => `h.${layer}.${name}.weight`),
      ),
    ]);
    const of = (names: string[]): string[] => names.filter(decays);
    const matrices = [
      'model.embed_tokens.weight',
      'lm_head.weight',
      'layers.0.self_attn.q_proj.weight',
      'layers.0.mlp.gate_proj.weight',
      'score.weight',
      'transformer.wte.weight',
      'h.0.attn.c_attn.lora_A.weight',
    ];
    expect(of(matrices)).toEqual(matrices);
    expect(
      of([
        'layers.0.input_layernorm.weight',
        'model.layers.1.post_attention_layernorm.weight',
        'model.norm.weight',
        'norm.weight',
        'layers.0.self_attn.q_norm.weight',
        'layers.0.self_attn.q_proj.bias',
        'transformer.h.0.ln_1.weight',
        'ln_f.weight',
        'wpe.weight',
        'transformer.wpe.weight',
      ]),
    ).toEqual([]);
  });
});
