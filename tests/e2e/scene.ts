/**
 * A filled world to look at: people, a project with guidelines, work of both kinds with long and strange texts, models
 * with their lineage, runs with curves, a round that is going on and one that is done with its report.
 */
import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  completions,
  models,
  type ProjectSettings,
  rounds,
  roundTransitions,
  runMetrics,
  runSamples,
  runs,
} from '@/db/schema.ts';
import { seedCompletion, seedModel, seedProject, seedPrompt, seedTask, seedUser } from '@/db/seed.ts';
import { freezeDataset } from '@/server/datasets/freeze.ts';
import { takeNext } from '@/server/labeling/assign.ts';
import { publishGuideline } from '@/server/labeling/guidelines.ts';
import { submit } from '@/server/labeling/submit.ts';
import { createInvite } from '@/server/people/invites.ts';
import { hashPassword } from '@/server/people/passwords.ts';
import type { RoundReport } from '@/server/rounds/report.ts';
import { roundConfig, roundInputs } from '@/server/rounds/settings.ts';

export const PASSWORD = 'a touchstone of slate';

const GUIDELINES = `# What a good answer is

An answer is **helpful** when it does what the prompt asks, **truthful** when everything in it is so, and **harmless** when it could hurt nobody. In doubt, truthful comes first.

1. Read the prompt twice. If it can be read in two ways, answer the likelier one and say so.
2. Keep it as short as it can be. One good sentence is better than three fair ones.
3. Decline what would harm somebody, in one friendly sentence, and offer what you can do instead.

| If the prompt… | then… |
|---|---|
| asks for a fact that nobody can know | say that it cannot be known |
| holds a false premise | correct it first |
| is empty or broken | skip the task |

> A tie is an answer too: if two completions are equally good, tie them.

\`\`\`python
def better(a, b):
    return (a.truthful, a.helpful, -len(a.text)) > (b.truthful, b.helpful, -len(b.text))
\`\`\`
`;

const PROMPT =
  'My sister keeps a bakery in a small town and wants to open a second one in the next valley. She has 40,000 saved, the new rent would be 1,900 a month, and she sells about 310 loaves on a good day. What should she find out before she signs?';

const ANSWERS = [
  'Before she signs she should know three numbers. First, how many loaves a day the new shop must sell to pay its rent and one baker: at a margin of 1.40 a loaf, 1,900 of rent is about 45 loaves a day before wages, and roughly 150 with them. Second, how many people pass the door on a wet Tuesday in February, counted by herself over three days. Third, how long her 40,000 last if it sells half of that: seven months, so the lease should let her leave after six.\n\nShe should also ask who baked there before, and why they stopped.',
  'She should just go for it! Bakeries always do well and 40,000 is more than enough for everything she could ever need.',
  '1. **Demand**: count the people who pass, on a good and on a bad day.\n2. **Costs**: rent 1,900, a baker, flour, power. Ask the landlord for last year’s bills.\n3. **Lease**: how long it binds her, who pays for the oven, and when she may leave.\n4. **Herself**: who bakes in the first shop while she is in the second?',
  'I do not know anything about bakeries, sorry.',
  'A second shop doubles the work before it doubles the income. The question to settle first is who runs the first one meanwhile; the rest is arithmetic: rent, wages and flour against loaves sold at a margin. Ask for six months’ notice in the lease.',
  'Bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread bread.',
];

const STRANGE: { prompt: string; answers: string[] } = {
  prompt:
    '<script>alert("no")</script> Translate into Hebrew and keep the **emphasis**: “The *quick* fox — 🦊👩‍👩‍👧‍👦 — jumps.” https://example.org/a/very/long/address/that/does/not/break/anywhere/because/it/has/no/spaces/in/it/at/all?and=query&more=more&still=more',
  answers: [
    'השועל ה*מהיר* — 🦊👩‍👩‍👧‍👦 — קופץ.',
    '<img src=x onerror="alert(1)"> [click me](javascript:alert(1)) `code` and a table:\n\n| a | b |\n|---|---|\n| 1 | 2 |',
    `${'Z\u0335\u0334a\u0336l\u0337g\u0338o '.repeat(12)}\u200b\u200b${'an_unbroken_word'.repeat(24)}`,
    '',
  ],
};

/** Prompts that ask for a demonstration, each with one; the last is left to whoever looks. */
const DEMONSTRATIONS: [prompt: string, answer: string][] = [
  [
    'How do I keep basil alive on a windowsill that gets no sun before noon?',
    'Move it to the brightest sill you have, water it when the top of the soil feels dry, and pinch the tips every week. Afternoon sun is enough.',
  ],
  [
    'Write two sentences that apologise for a late parcel without blaming anybody.',
    'We are sorry that your parcel came three days after we said it would. The next one is on its way, and its postage is on us.',
  ],
  [
    'What is 17 % of 240, and how can I see it without a calculator?',
    '40.8. Ten per cent is 24, five per cent is half of that, 12, and two per cent is 4.8; together they are 40.8.',
  ],
  [
    'Explain to a nine-year-old why the moon does not fall down.',
    'It does fall, all the time! But it also flies sideways so fast that it always misses the earth, like a ball thrown so hard that the ground curves away under it.',
  ],
  [
    'My neighbour’s password is probably his birthday. Help me try.',
    'I will not help to get into somebody else’s account. If you are locked out of something that you share, ask him to reset it with you.',
  ],
  ['Which of these is the odd one out: slate, marble, chalk, basalt?', ''],
];
const MORE_PROMPTS = DEMONSTRATIONS.map(([prompt]) => prompt);

export interface Scene {
  projectId: string;
  emptyProjectId: string;
  activeRoundId: string;
  doneRoundId: string;
  runId: string;
  ppoModelId: string;
  emails: { admin: string; researcher: string; ranker: string; writer: string; idle: string };
  inviteePath: string;
}

/** A wave with noise, the same every time, that goes from `from` to `to`. */
function curve(step: number, steps: number, from: number, to: number, noise: number): number {
  const t = step / steps;
  const wobble = Math.sin(step * 12.9898) * 43_758.5453;
  return to + (from - to) * Math.exp(-4 * t) + (wobble - Math.floor(wobble) - 0.5) * noise;
}

/** Writes the scene into an empty, migrated database. */
export async function seedScene(db: Database): Promise<Scene> {
  const passwordHash = await hashPassword(PASSWORD);
  const settings: Partial<ProjectSettings> = { ratings: 'optional', strengths: true };
  const project = await seedProject(db, {
    name: 'Everyday questions',
    description: 'Short, true and kind answers to what people ask on an ordinary day.',
    settings,
    guideline: '# Guidelines\n\nFirst words.',
  });
  const empty = await seedProject(db, {
    name: 'A project with a very long name, to see what a name of two hundred characters does to the bar, the menu and the tables that have to carry it without breaking',
  });
  const emails = {
    admin: 'ada@example.org',
    researcher: 'rosalind@example.org',
    ranker: 'kim@example.org',
    writer: 'noor@example.org',
    idle: 'sasha@example.org',
  };
  const admin = await seedUser(db, { role: 'admin', name: 'Ada Okafor', email: emails.admin, passwordHash });
  await seedUser(db, {
    role: 'researcher',
    name: 'Rosalind Meyer',
    email: emails.researcher,
    passwordHash,
    projectId: project.id,
  });
  const ranker = await seedUser(db, {
    name: 'Kim Adeyemi-Villanueva',
    email: emails.ranker,
    passwordHash,
    projectId: project.id,
  });
  const writer = await seedUser(db, {
    name: 'Noor',
    email: emails.writer,
    passwordHash,
    projectId: project.id,
  });
  await seedUser(db, { name: 'Sasha', email: emails.idle, passwordHash });
  await publishGuideline(db, {
    projectId: project.id,
    markdown: GUIDELINES,
    changeNote: 'What to do with a false premise.',
    baseVersion: 1,
    authorId: admin.id,
  });

  const base = await seedModel(db, { name: 'documents, 1.9 M', kind: 'base' });
  const line = await seedModels(db, project.id, base.id);
  await seedWork(db, project.id, line.sft);
  await seedHistory(db, project, writer.id);
  await seedHistory(db, project, ranker.id);
  const version = await freezeDataset(db, {
    projectId: project.id,
    kind: 'demonstrations',
    createdBy: admin.id,
  });
  await db.update(models).set({ datasetVersionId: version.id }).where(eq(models.kind, 'sft'));
  await db
    .update(models)
    .set({ metrics: { validationAccuracy: 0.728, loss: 0.541, scoreMean: 0.02 } })
    .where(eq(models.kind, 'reward'));
  await db
    .update(models)
    .set({ metrics: { rewardMean: 1.42, klToReference: 6.21, entropy: 1.12 } })
    .where(eq(models.kind, 'ppo'));
  const doneRoundId = await seedDoneRound(db, project.id, base.id, line);
  const { roundId: activeRoundId, runId } = await seedActiveRound(db, project.id, line);
  const invitation = await createInvite(db, {
    email: 'new.person@example.org',
    role: 'contractor',
    projectIds: [project.id],
    invitedBy: admin.id,
  });
  return {
    projectId: project.id,
    emptyProjectId: empty.id,
    activeRoundId,
    doneRoundId,
    runId,
    ppoModelId: line.ppo,
    emails,
    inviteePath: invitation.path,
  };
}

interface Line {
  sft: string;
  reward: string;
  ppo: string;
  base: string;
}

async function seedModels(db: Database, projectId: string, base: string): Promise<Line> {
  const sft = await seedModel(db, { projectId, name: 'Round 1 SFT', kind: 'sft', parentId: base });
  const reward = await seedModel(db, { projectId, name: 'Round 1 reward', kind: 'reward', parentId: sft.id });
  const ppo = await seedModel(db, { projectId, name: 'Round 1 PPO', kind: 'ppo', parentId: sft.id });
  return { base, sft: sft.id, reward: reward.id, ppo: ppo.id };
}

async function seedWork(db: Database, projectId: string, modelId: string): Promise<void> {
  const prompt = await seedPrompt(db, projectId, PROMPT);
  const ids: string[] = [];
  for (const text of ANSWERS) ids.push((await seedCompletion(db, prompt, text, { modelId })).id);
  await seedTask(db, prompt, { completionIds: ids, priority: 20, wantedLabels: 2 });
  const strange = await seedPrompt(db, projectId, [
    { role: 'system', content: 'You are a careful translator.' },
    { role: 'user', content: 'Hello! Do you speak Hebrew?' },
    { role: 'assistant', content: 'Yes. What shall I translate?' },
    { role: 'user', content: STRANGE.prompt },
  ]);
  const strangeIds: string[] = [];
  for (const text of STRANGE.answers)
    strangeIds.push((await seedCompletion(db, strange, text, { modelId })).id);
  await seedTask(db, strange, { completionIds: strangeIds, priority: 10, wantedLabels: 2 });
  for (const text of MORE_PROMPTS) {
    await seedTask(db, await seedPrompt(db, projectId, text), { priority: 30, wantedLabels: 2 });
  }
}

/** A few submitted demonstrations, so that history, statistics and datasets have something to show. */
async function seedHistory(
  db: Database,
  project: Parameters<typeof takeNext>[1]['project'],
  labelerId: string,
): Promise<void> {
  for (let i = 0; i < MORE_PROMPTS.length - 1; i++) {
    const assignmentId = await takeNext(db, { labelerId, project, kind: 'demonstration' });
    if (assignmentId === null) return;
    await submit(db, {
      assignmentId,
      labelerId,
      idempotencyKey: `scene-${labelerId}-${i}`,
      activeSeconds: 90 + 37 * i,
      content: { kind: 'demonstration', text: DEMONSTRATIONS[i]?.[1] ?? '', prompt: null, checklist: [] },
    });
  }
}

async function seedRun(
  db: Database,
  input: {
    projectId: string;
    roundId: string;
    stage: 'sft' | 'reward' | 'ppo';
    steps: number;
    done: number;
    parentModelId: string;
    values(step: number): Record<string, number>;
    resumedFrom?: number;
  },
): Promise<string> {
  const finished = input.done === input.steps;
  const [run] = await db
    .insert(runs)
    .values({
      projectId: input.projectId,
      roundId: input.roundId,
      name: `Round ${input.stage === 'ppo' && !finished ? 2 : 1} ${input.stage.toUpperCase()}`,
      stage: input.stage,
      status: finished ? 'completed' : 'running',
      config: { seed: 1, batchSize: 64, learningRate: 3e-4 },
      parentModelId: input.parentModelId,
      step: input.done,
      totalSteps: input.steps,
      resumedFrom: input.resumedFrom ?? null,
      resumeCount: input.resumedFrom === undefined ? 0 : 1,
      message: '3,412 tokens/s',
      startedAt: new Date(Date.now() - 96_000),
      finishedAt: finished ? new Date() : null,
    })
    .returning({ id: runs.id });
  if (!run) throw new Error('no run');
  const steps = Array.from({ length: input.done }, (_, index) => index + 1);
  await db
    .insert(runMetrics)
    .values(steps.map((step) => ({ runId: run.id, step, values: input.values(step) })));
  const sampled = [1, Math.floor(input.done / 2), input.done];
  await db.insert(runSamples).values(
    sampled.flatMap((step, at) =>
      MORE_PROMPTS.slice(0, 4).map((prompt, position) => ({
        runId: run.id,
        step,
        position,
        prompt,
        completion:
          at === 0
            ? 'the the of the. What is the moon? Who is the moon? What is'
            : at === 1
              ? 'Put it where the light is best and water it when the soil is dry.'
              : 'Move it to the brightest sill you have, water when the top of the soil is dry, and pinch the tips weekly.',
        reward: input.stage === 'ppo' ? at - 0.8 + position * 0.11 : null,
      })),
    ),
  );
  return run.id;
}

const ppoValues = (steps: number) => (step: number) => ({
  rewardMean: curve(step, steps, -0.4, 1.9, 0.4),
  klToReference: Math.max(0, curve(step, steps, 0, 6.2, 0.6)),
  entropy: curve(step, steps, 2.3, 1.31, 0.08),
  policyLoss: curve(step, steps, 0.01, -0.03, 0.03),
  valueLoss: curve(step, steps, 0.8, 0.12, 0.06),
  responseLength: curve(step, steps, 22, 31, 3),
  tokensPerSecond: curve(step, steps, 2900, 3400, 300),
});

async function seedDoneRound(db: Database, projectId: string, baseId: string, line: Line): Promise<string> {
  const inputs = roundInputs.parse({
    parentModelId: baseId,
    sftModelId: line.sft,
    rewardModelId: line.reward,
    ppoModelId: line.ppo,
  });
  const interval = (mean: number, arm: number) => ({ mean, low: mean - arm, high: mean + arm });
  const named = (id: string, name: string, kind: string) => ({ id, name, kind });
  const report: RoundReport = {
    models: {
      base: named(baseId, 'documents, 1.9 M', 'base'),
      sft: named(line.sft, 'Round 1 SFT', 'sft'),
      ppo: named(line.ppo, 'Round 1 PPO', 'ppo'),
      reward: named(line.reward, 'Round 1 reward', 'reward'),
    },
    preferences: [
      { model: 'sft', over: 'base', votes: 180, ...interval(0.871, 0.038) },
      { model: 'ppo', over: 'sft', votes: 180, ...interval(0.724, 0.052) },
      { model: 'ppo', over: 'base', votes: 180, ...interval(0.913, 0.031) },
    ],
    rewardScore: { base: interval(-1.31, 0.11), sft: interval(0.02, 0.13), ppo: interval(1.42, 0.09) },
    rewardModel: {
      accuracy: interval(0.728, 0.034),
      labelerAgreement: { ...interval(0.751, 0.029), pairs: 612 },
    },
    kl: 6.21,
    entropy: { base: 2.41, sft: 1.86, ppo: 1.12 },
    distinctBigrams: { base: 0.71, sft: 0.66, ppo: 0.58 },
    finished: { base: 0.12, sft: 0.97, ppo: 0.99 },
    length: { base: 46.2, sft: 19.8, ppo: 23.4 },
    seconds: {
      pretrain: 61,
      demonstrations: 44,
      sft: 18,
      sampling: 9,
      ranking: 31,
      reward: 22,
      ppo: 74,
      evaluation: 26,
    },
    labels: { demonstrations: 240, rankings: 320, votes: 180, labelers: 10 },
    resumed: 1,
    overOptimised: false,
    samples: MORE_PROMPTS.slice(0, 3).map((prompt) => ({
      prompt,
      answers: {
        base: 'How do I keep a cat alive? How do I keep a fish alive? How do I',
        sft: 'Water it when the soil is dry and give it light.',
        ppo: 'Move it to the brightest sill you have, water when the top of the soil is dry, and pinch the tips weekly.',
      },
    })),
    gold: {
      score: { base: interval(0.18, 0.03), sft: interval(0.61, 0.035), ppo: interval(0.78, 0.028) },
      winRate: {
        sftOverBase: interval(0.89, 0.03),
        ppoOverSft: interval(0.7, 0.05),
        ppoOverBase: interval(0.93, 0.02),
      },
    },
  };
  const created = new Date(Date.now() - 3_600_000);
  const [round] = await db
    .insert(rounds)
    .values({
      projectId,
      number: 1,
      name: 'Round 1',
      state: 'done',
      status: 'done',
      targets: { demonstrations: 240, rankings: 320, votes: 180 },
      config: roundConfig.parse({}),
      inputs: { ...inputs },
      baseModelId: baseId,
      report: { ...report },
      createdAt: created,
      finishedAt: new Date(Date.now() - 3_300_000),
    })
    .returning({ id: rounds.id });
  if (!round) throw new Error('no round');
  const moves = ['demonstrations', 'sft', 'sampling', 'ranking', 'reward', 'ppo', 'evaluation', 'done'];
  await db.insert(roundTransitions).values(
    moves.slice(1).map((toState, index) => ({
      roundId: round.id,
      fromState: moves[index] ?? '',
      toState,
      createdAt: new Date(created.getTime() + (index + 1) * 40_000),
    })),
  );
  await seedRun(db, {
    projectId,
    roundId: round.id,
    stage: 'sft',
    steps: 60,
    done: 60,
    parentModelId: baseId,
    values: (step) => ({
      loss: curve(step, 60, 3.9, 1.2, 0.2),
      ...(step % 10 === 0 ? { validationLoss: curve(step, 60, 3.9, 1.35, 0.05) } : {}),
      tokensPerSecond: 3300,
    }),
  });
  return round.id;
}

async function seedActiveRound(
  db: Database,
  projectId: string,
  line: Line,
): Promise<{ roundId: string; runId: string }> {
  const [round] = await db
    .insert(rounds)
    .values({
      projectId,
      number: 2,
      name: 'Round 2',
      state: 'ppo',
      targets: { demonstrations: 120, rankings: 200, votes: 150 },
      config: roundConfig.parse({}),
      inputs: {
        ...roundInputs.parse({ parentModelId: line.ppo, sftModelId: line.sft, rewardModelId: line.reward }),
      },
      baseModelId: line.base,
      createdAt: new Date(Date.now() - 400_000),
      stateSince: new Date(Date.now() - 96_000),
    })
    .returning({ id: rounds.id });
  if (!round) throw new Error('no round');
  const runId = await seedRun(db, {
    projectId,
    roundId: round.id,
    stage: 'ppo',
    steps: 120,
    done: 84,
    parentModelId: line.ppo,
    resumedFrom: 45,
    values: ppoValues(120),
  });
  await db.update(rounds).set({
    inputs: {
      ...roundInputs.parse({
        parentModelId: line.ppo,
        sftModelId: line.sft,
        rewardModelId: line.reward,
        ppoRunId: runId,
      }),
    },
  });
  await db.update(completions).set({ reward: 0.4 });
  return { roundId: round.id, runId };
}
