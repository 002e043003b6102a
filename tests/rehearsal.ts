/**
 * The demo's learning without web and database: a world, its simulated people, and every stage from nothing to the
 * evaluation. `npx tsx tests/rehearsal.ts --seed 1 [--json] [--home folder] [--device native] [--threads 2] [--set ppo.beta=0.05 …]`.
 *
 * With `--home` the runs are kept and a stage whose config and inputs are the same is not run again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DeviceName, deviceNames, openDevice } from '@touchstone/trainer/engine/device.ts';
import { type GroupRanking, pairwiseAgreement } from '@touchstone/trainer/evaluation/agreement.ts';
import { bootstrapMean, type Interval, mean } from '@touchstone/trainer/evaluation/intervals.ts';
import {
  entropyOfSamples,
  klOfSamples,
  type SampledCompletion,
  sampleCompletions,
} from '@touchstone/trainer/evaluation/sample.ts';
import { outcomeOfRanks, winRate } from '@touchstone/trainer/evaluation/win-rate.ts';
import { runStage, type StageContext, type StageName } from '@touchstone/trainer/stages/index.ts';
import {
  createWorld,
  type DemoRecipe,
  demoRecipe,
  type GoldJudgement,
  type Prompt,
  ranksFromGroups,
  SimulatedLabeler,
  type World,
} from '@touchstone/trainer/world/index.ts';

const LABELERS = 10;
const POLICIES = ['base', 'sft', 'ppo'] as const;
type Policy = (typeof POLICIES)[number];

/** What a rehearsal measured: the demo's result.json without what needs a product around it, and more detail. */
interface RehearsalResult {
  seed: number;
  device: string;
  seconds: number;
  stages: Record<string, number>;
  gold: Record<Policy, Interval>;
  truthful: Record<Policy, number>;
  goldByKind: Record<string, Record<Policy, number>>;
  notes: Record<Policy, Record<string, number>>;
  winRate: { sftOverBase: Interval; ppoOverSft: Interval };
  rewardModel: {
    accuracy: number;
    low: number;
    high: number;
    labelerAgreement: number;
    agreementPairs: number;
  };
  kl: { k1: number; k3: number };
  entropy: Record<Policy, number>;
  responseLength: Record<Policy, number>;
  finished: Record<Policy, number>;
  labels: { demonstrations: number; rankings: number };
}

interface Options {
  seed: number;
  home: string;
  device: DeviceName | 'auto';
  threads: number | undefined;
  recipe: DemoRecipe;
  say(line: string): void;
}

function writeLines(file: string, rows: readonly unknown[]): void {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** Different texts that a model wrote to each prompt, and a labeler's ranks of them. */
interface RankedPrompt {
  prompt: Prompt;
  completions: string[];
  ranks: number[];
  labeler: string;
}

async function rehearse({ seed, home, device, threads, recipe, say }: Options): Promise<RehearsalResult> {
  const began = performance.now();
  const stageSeconds: Record<string, number> = {};
  const opened = await openDevice(device, { threads });
  const world = createWorld(seed);
  const labelers = Array.from({ length: LABELERS }, (_, i) => new SimulatedLabeler(world, { seed: i }));
  const file = (name: string): string => join(home, name);
  const { labels, sampling } = recipe;

  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    stageSeconds[name] = (performance.now() - start) / 1000;
    say(`${name}: ${stageSeconds[name]?.toFixed(1)} s`);
    return result;
  };
  const runTimed = (name: StageName, config: unknown) => timed(name, () => train(name, config, home, say));

  const train1 = world.promptsOf('train');
  writeLines(file('documents.jsonl'), world.documents(recipe.documents));
  writeLines(
    file('prompts.jsonl'),
    train1.map(({ id, text }) => ({ id, prompt: text })),
  );
  const base = await runTimed('pretrain', {
    ...recipe.pretrain,
    sources: [{ path: file('documents.jsonl') }],
  });

  writeLines(
    file('demonstrations.jsonl'),
    train1.slice(0, labels.demonstrations).map(({ text }, i) => ({
      prompt: text,
      completion: labelerAt(labelers, i).demonstrate(text),
    })),
  );
  const sft = await runTimed('sft', {
    ...recipe.sft,
    model: base.checkpoint,
    demonstrations: file('demonstrations.jsonl'),
  });

  const ranked = await timed('sampling', async () => {
    // Rankings begin where demonstrations end: a model's answer to what it has learned by heart shows little.
    const start = Math.max(0, train1.length - labels.rankings);
    const training = train1.slice(start);
    const heldOut = world.promptsOf('validation').slice(0, labels.heldOutRankings);
    const sets = await sampleSets(sft.checkpoint, [...training, ...heldOut], recipe, seed);
    return sets.map(({ prompt, completions }, i): RankedPrompt => {
      const ranks = ranksFromGroups(labelerAt(labelers, i).rank(prompt.text, completions));
      return { prompt, completions, ranks, labeler: `labeler-${i % LABELERS}` };
    });
  });
  const lines = ranked.map(({ prompt, completions, ranks, labeler }) => ({
    prompt: prompt.text,
    completions,
    ranks,
    group_id: prompt.id,
    labeler,
    split: prompt.split,
  }));
  writeLines(
    file('rankings.jsonl'),
    lines.filter((line) => line.split === 'train'),
  );
  writeLines(
    file('held-out-rankings.jsonl'),
    lines.filter((line) => line.split === 'validation'),
  );
  const agreement = pairwiseAgreement(doubleRankings(ranked, labelers, labels.doubleRankings));
  say(`labelers agree on ${(100 * agreement.rate).toFixed(1)} % of ${agreement.pairs} pairs`);

  const reward = await runTimed('reward', {
    ...recipe.reward,
    model: sft.checkpoint,
    rankings: file('rankings.jsonl'),
    validation: file('held-out-rankings.jsonl'),
  });
  say(
    `reward model: accuracy ${reward.metrics.validationAccuracy?.toFixed(3)}, trained-on ${reward.metrics.accuracy?.toFixed(3)}`,
  );
  const ppo = await runTimed('ppo', {
    ...recipe.ppo,
    model: sft.checkpoint,
    reward: reward.checkpoint,
    prompts: file('prompts.jsonl'),
  });

  const checkpoints = { base: base.checkpoint, sft: sft.checkpoint, ppo: ppo.checkpoint };
  const prompts = world.promptsOf('evaluation').slice(0, recipe.evaluationPrompts);
  const evaluated = await timed('evaluation', async () => {
    const samples: Partial<Record<Policy, SampledCompletion[]>> = {};
    const entropy: Partial<Record<Policy, number>> = {};
    for (const policy of POLICIES) {
      const written = await sampleCompletions(
        checkpoints[policy],
        prompts.map(({ text }) => text),
        { ...sampling, seed: seed + 1000 },
      );
      const flat = written.flat();
      samples[policy] = flat;
      entropy[policy] = await entropyOfSamples(checkpoints[policy], withPrompts(prompts, flat), sampling);
    }
    const { base, sft, ppo } = samples;
    if (!base || !sft || !ppo) throw new Error('rehearsal: a policy was not sampled');
    const kl = await klOfSamples(checkpoints.ppo, checkpoints.sft, withPrompts(prompts, ppo), sampling);
    return { samples: { base, sft, ppo }, entropy: entropy as Record<Policy, number>, kl };
  });

  const judged = perPolicy((policy) =>
    evaluated.samples[policy].map(({ text }, i) => judge(world, prompts[i], text)),
  );
  for (const [i, { text }] of prompts.slice(0, 12).entries()) {
    for (const policy of POLICIES) {
      const written = evaluated.samples[policy][i]?.text ?? '';
      say(`${policy.padEnd(4)} ${judged[policy][i]?.score.toFixed(2)} ${text} → ${JSON.stringify(written)}`);
    }
  }
  const voters = Array.from({ length: LABELERS }, (_, i) => new SimulatedLabeler(world, { seed: 500 + i }));
  const votes = (first: Policy, second: Policy): Interval =>
    winRate(
      prompts.map(({ id, text }, i) => {
        const pair = [evaluated.samples[first][i]?.text ?? '', evaluated.samples[second][i]?.text ?? ''];
        const ranks = ranksFromGroups(labelerAt(voters, i).rank(text, pair));
        return { prompt: id, outcome: outcomeOfRanks(ranks[0] ?? 1, ranks[1] ?? 1) };
      }),
      { seed },
    );
  return {
    seed,
    device: opened.description,
    seconds: (performance.now() - began) / 1000,
    stages: stageSeconds,
    gold: perPolicy((policy) =>
      bootstrapMean(
        judged[policy].map(({ score }) => score),
        { seed },
      ),
    ),
    truthful: perPolicy((policy) => mean(judged[policy].map(({ truthful }) => truthful))),
    goldByKind: byKind(prompts, judged),
    notes: perPolicy((policy) => countNotes(judged[policy])),
    winRate: { sftOverBase: votes('sft', 'base'), ppoOverSft: votes('ppo', 'sft') },
    rewardModel: {
      accuracy: reward.metrics.validationAccuracy ?? Number.NaN,
      low: reward.metrics.validationAccuracyLow ?? Number.NaN,
      high: reward.metrics.validationAccuracyHigh ?? Number.NaN,
      labelerAgreement: agreement.rate,
      agreementPairs: agreement.pairs,
    },
    kl: evaluated.kl,
    entropy: evaluated.entropy,
    responseLength: perPolicy((policy) => mean(evaluated.samples[policy].map(({ tokens }) => tokens.length))),
    finished: perPolicy((policy) => mean(evaluated.samples[policy].map(({ finished }) => Number(finished)))),
    labels: { demonstrations: labels.demonstrations, rankings: lines.length },
  };
}

/** What a run depends on, in eight letters: its config, and the content of the files that the config names. */
function fingerprint(config: unknown): string {
  const hash = createHash('sha256');
  const text = JSON.stringify(config);
  hash.update(text);
  for (const [, file] of text.matchAll(/"([^"]+\.jsonl)"/g)) {
    if (file !== undefined) hash.update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 8);
}

async function train(name: StageName, config: unknown, home: string, say: (line: string) => void) {
  const context: StageContext = {
    runFolder: join(home, 'runs', `${name}-${fingerprint(config)}`),
    signal: new AbortController().signal,
    onMetrics: ({ step, totalSteps, values }) => {
      const every = name === 'ppo' ? 5 : name === 'pretrain' ? 100 : 20;
      if (step % every !== 0 && step !== totalSteps) return;
      const shown = Object.entries(values).map(([key, value]) => `${key} ${value.toPrecision(3)}`);
      say(`${name} ${step}/${totalSteps}: ${shown.join(', ')}`);
    },
    onSamples: () => {},
    onMessage: say,
  };
  return runStage(name, config, context);
}

function labelerAt(labelers: readonly SimulatedLabeler[], index: number): SimulatedLabeler {
  const labeler = labelers[index % labelers.length];
  if (labeler === undefined) throw new Error('rehearsal: there are no labelers');
  return labeler;
}

function judge(world: World, prompt: Prompt | undefined, completion: string): GoldJudgement {
  if (prompt === undefined) throw new Error('rehearsal: a completion has no prompt');
  return world.gold(prompt.text, completion);
}

/** The first different texts among the samples of each prompt; prompts with only one are left out. */
async function sampleSets(checkpoint: string, prompts: readonly Prompt[], recipe: DemoRecipe, seed: number) {
  const { labels, sampling } = recipe;
  const written = await sampleCompletions(
    checkpoint,
    prompts.map(({ text }) => text),
    { ...sampling, samples: labels.samplesPerRanking, seed },
  );
  return prompts.flatMap((prompt, i) => {
    const texts = (written[i] ?? []).map(({ text }) => text).filter((text) => text.trim() !== '');
    const completions = [...new Set(texts)].slice(0, labels.completionsPerRanking);
    return completions.length > 1 ? [{ prompt, completions }] : [];
  });
}

/** The first `count` held-out sets once more, by another labeler: how far do people agree? */
function doubleRankings(
  ranked: readonly RankedPrompt[],
  labelers: readonly SimulatedLabeler[],
  count: number,
): GroupRanking[] {
  return ranked.slice(-count).flatMap(({ prompt, completions, ranks, labeler }, i) => {
    const other = (Number(labeler.slice('labeler-'.length)) + 1 + (i % (LABELERS - 1))) % LABELERS;
    const again = ranksFromGroups(labelerAt(labelers, other).rank(prompt.text, completions));
    return [
      { group: prompt.id, labeler, ranks },
      { group: prompt.id, labeler: `labeler-${other}`, ranks: again },
    ];
  });
}

function withPrompts(prompts: readonly Prompt[], samples: readonly SampledCompletion[]) {
  return samples.map(({ tokens }, i) => ({ prompt: prompts[i]?.text ?? '', tokens }));
}

function perPolicy<T>(value: (policy: Policy) => T): Record<Policy, T> {
  return { base: value('base'), sft: value('sft'), ppo: value('ppo') };
}

function byKind(prompts: readonly Prompt[], judged: Record<Policy, GoldJudgement[]>) {
  const kinds = [...new Set(prompts.map(({ kind }) => kind))].sort();
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      perPolicy((policy) =>
        mean(judged[policy].flatMap(({ score }, i) => (prompts[i]?.kind === kind ? [score] : []))),
      ),
    ]),
  );
}

function countNotes(judgements: readonly GoldJudgement[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { note } of judgements) counts.set(note, (counts.get(note) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

/** Applies `ppo.beta=0.05`: only numbers, and only over a value that is there or may be (a stage's field). */
function override(recipe: DemoRecipe, assignment: string): void {
  const match = /^(?:(\w+)\.)?(\w+)=(-?[\d.e-]+)$/.exec(assignment);
  const value = Number(match?.[3]);
  if (!match || Number.isNaN(value)) {
    throw new Error(`--set ${assignment}: expected section.field=number, such as ppo.beta=0.05`);
  }
  const [, section, field] = match;
  const target: object | undefined =
    section === undefined ? recipe : Object.entries(recipe).find(([name]) => name === section)?.[1];
  if (typeof target !== 'object' || field === undefined) {
    throw new Error(`--set ${assignment}: the recipe has no part "${section}"`);
  }
  Object.assign(target, { [field]: value });
}

function table(result: RehearsalResult): string {
  const interval = ({ mean, low, high }: Interval) =>
    `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
  const { rewardModel: rm } = result;
  return [
    `seed ${result.seed}, ${result.device}, ${result.seconds.toFixed(0)} s`,
    ...POLICIES.map(
      (policy) =>
        `${policy.padEnd(5)} gold ${interval(result.gold[policy])}  truthful ${result.truthful[policy].toFixed(2)}  entropy ${result.entropy[policy].toFixed(3)}  length ${result.responseLength[policy].toFixed(1)}  finished ${result.finished[policy].toFixed(2)}`,
    ),
    `win rate: SFT over base ${interval(result.winRate.sftOverBase)}, PPO over SFT ${interval(result.winRate.ppoOverSft)}`,
    `reward model accuracy ${interval({ mean: rm.accuracy, low: rm.low, high: rm.high })}, labelers agree ${rm.labelerAgreement.toFixed(3)}`,
    `KL to SFT: k1 ${result.kl.k1.toFixed(2)}, k3 ${result.kl.k3.toFixed(2)} nats a completion`,
    ...Object.entries(result.goldByKind).map(
      ([kind, gold]) => `${kind.padEnd(8)} ${POLICIES.map((policy) => gold[policy].toFixed(2)).join(' → ')}`,
    ),
    `seconds: ${Object.entries(result.stages)
      .map(([name, seconds]) => `${name} ${seconds.toFixed(0)}`)
      .join(', ')}`,
  ].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      home: { type: 'string' },
      device: { type: 'string', default: 'auto' },
      threads: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: expected a whole number`);
  const device = (['auto', ...deviceNames] as const).find((name) => name === values.device);
  if (device === undefined) {
    throw new Error(`--device ${values.device}: expected auto, ${deviceNames.join(', ')}`);
  }
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  const recipe = demoRecipe(seed);
  for (const assignment of values.set) override(recipe, assignment);
  const home = values.home ?? mkdtempSync(join(tmpdir(), 'touchstone-rehearsal-'));
  mkdirSync(home, { recursive: true });
  try {
    const say = values.json ? () => {} : (line: string) => console.log(line);
    const result = await rehearse({ seed, home, device, threads, recipe, say });
    console.log(
      values.json ? JSON.stringify(result, null, 2) : `${JSON.stringify(result.notes)}\n${table(result)}`,
    );
  } finally {
    if (values.home === undefined) rmSync(home, { recursive: true, force: true });
  }
}

await main();
