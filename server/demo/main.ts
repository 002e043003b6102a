/** `npm run demo`: the whole product on a small made-up world, from an untrained model to the evaluation of a round. */
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createWorld, SimulatedLabeler, type World } from '@touchstone/trainer/world/index.ts';
import { takeOwnership } from '@/db/processes.ts';
import { readEnv } from '../env.ts';
import { AppError } from '../errors.ts';
import { addGold } from '../rounds/gold.ts';
import type { Round } from '../rounds/rounds.ts';
import { requireFreePort } from '../stack/settings.ts';
import { stopOnSignals } from '../stack/signals.ts';
import { type Part, type Stack, startStack } from '../stack/stack.ts';
import { labelUntilStopped } from './contractors.ts';
import { signInOverHttp } from './http-client.ts';
import { type DemoOptions, parseDemoOptions } from './options.ts';
import { createPeople, type DemoPerson, joinProject } from './people.ts';
import { prepareProject, roundPlan, startBaseModel } from './plan.ts';
import { createProgress, type ProgressDisplay } from './progress.ts';
import { buildResult, resultTable, writeResult } from './result.ts';
import { watchRound, watchRun } from './watch.ts';

async function main(): Promise<void> {
  const options = parseDemoOptions(process.argv.slice(2));
  const env = readEnv();
  const home = join(env.home, 'demo');
  await requireFreePort(env.port);
  wipe(env.home, home);
  const log = openLogs(join(home, 'logs'));
  const display = createProgress();
  const ended = new AbortController();
  display.say(`Touchstone demo, seed ${options.seed}. Everything that it makes is in ${home}.`);
  const stack = await startStack({
    home,
    port: env.port,
    onLine: log,
    onNews: (line) => display.say(line),
    onWorkerStart: (pid, restarts) =>
      display.say(restarts === 0 ? `Worker: process ${pid}.` : `Worker restarted: process ${pid}.`),
    onWorkerDeath: (pid, how) =>
      display.say(`Worker ${pid} died (${how}): another takes its run up from the last checkpoint.`),
  });
  const leave = async () => {
    ended.abort();
    display.stop();
    await stack.stop();
  };
  stopOnSignals(leave);
  try {
    const broken = stack.broken.then((sentence) => {
      throw new AppError('UNAVAILABLE', sentence);
    });
    const began = performance.now();
    await Promise.race([playRound(stack, home, options, display, ended.signal), broken]);
    // Stopped by Ctrl-C: the signal's handler leaves.
    if (ended.signal.aborted) return await new Promise<never>(() => {});
    display.stop();
    console.log(`\nThe whole demo took ${((performance.now() - began) / 1000).toFixed(0)} s.`);
    if (!options.once) {
      console.log(`It keeps serving at ${stack.address}; Ctrl-C stops it.`);
      await broken;
    }
  } catch (error) {
    await leave();
    throw error;
  }
  await leave();
}

/** Empties the demo's folder, unless another demo lives in it. */
function wipe(parent: string, home: string): void {
  mkdirSync(parent, { recursive: true });
  const owner = takeOwnership(join(parent, 'demo.owner'));
  if (owner) {
    throw new AppError(
      'UNAVAILABLE',
      `Another demo (process ${owner.pid}) runs in ${home}: stop it, or set TOUCHSTONE_HOME to another folder.`,
    );
  }
  rmSync(home, { recursive: true, force: true });
}

function openLogs(folder: string): (part: Part, line: string) => void {
  mkdirSync(folder, { recursive: true });
  const streams = new Map<Part, NodeJS.WritableStream>();
  return (part, line) => {
    let stream = streams.get(part);
    if (!stream) {
      stream = createWriteStream(join(folder, `${part}.log`));
      streams.set(part, stream);
    }
    stream.write(`${line}\n`);
  };
}

async function playRound(
  stack: Stack,
  home: string,
  { seed }: DemoOptions,
  display: ProgressDisplay,
  ended: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const { db } = stack.connection;
  const world = createWorld(seed);
  const people = await createPeople(db);
  const admin = onlyOne(people, 'admin');
  const { projectId } = await prepareProject(db, world, admin);
  await joinProject(db, people, projectId);
  // The base model learns while the web app is built and while people write.
  const pretrainRunId = await startBaseModel(db, home, world, projectId, admin);
  stack.startWorker();
  void watchRun(db, pretrainRunId, display, ended).catch(() => {});
  await stack.startWeb();
  display.say(signInTable(stack.address, people));

  const adminApi = await signInOverHttp(stack.address, admin.email, admin.password);
  const { roundId } = await adminApi.rounds.launch.mutate({ projectId, pretrainRunId, ...roundPlan(world) });
  display.say(`Round 1 is launched: ${stack.address}/rounds/${roundId}`);

  const noMoreWork = new AbortController();
  const working = AbortSignal.any([ended, noMoreWork.signal]);
  const crowd = letContractorsWork(stack.address, people, world, projectId, working, display);
  let round: Round | null;
  try {
    // The crowd works until told to stop: all that it can do before is fail, as when nobody can sign in.
    const failed = crowd.then(() => new Promise<never>(() => {}));
    round = await Promise.race([watchRound(db, roundId, display, ended), failed]);
  } finally {
    noMoreWork.abort();
  }
  await crowd;
  if (round === null) return;
  if (round.status !== 'done') {
    throw new AppError('UNAVAILABLE', `The round ${round.status} in ${round.state}: ${round.error ?? ''}`);
  }

  const gold = await addGold(db, roundId, (prompt, answer) => world.gold(prompt, answer).score);
  const { report } = await adminApi.rounds.report.query({ roundId });
  const result = buildResult({ seed, seconds: (performance.now() - began) / 1000, report, gold });
  const file = join(home, 'result.json');
  writeResult(file, result);
  display.stop();
  console.log(`\n${resultTable(result)}\n`);
  console.log(`Report: ${stack.address}/rounds/${roundId}/report`);
  console.log(`Result: ${file}`);
}

/** Signs the contractors in and lets them label side by side. */
async function letContractorsWork(
  address: string,
  people: DemoPerson[],
  world: World,
  projectId: string,
  signal: AbortSignal,
  display: ProgressDisplay,
): Promise<void> {
  let complaints = 0;
  const complain = (error: unknown) => {
    complaints += 1;
    if (complaints > 5) return;
    display.say(`A contractor’s request failed: ${error instanceof Error ? error.message : String(error)}`);
  };
  const contractors = people.filter(({ role }) => role === 'contractor');
  await Promise.all(
    contractors.map(async ({ email, password }, index) => {
      const api = await signInOverHttp(address, email, password);
      const labeler = new SimulatedLabeler(world, { seed: index });
      await labelUntilStopped(api, labeler, projectId, signal, complain);
    }),
  );
}

function onlyOne(people: DemoPerson[], role: DemoPerson['role']): DemoPerson {
  const found = people.find((person) => person.role === role);
  if (!found) throw new Error(`The demo has no ${role}.`);
  return found;
}

function signInTable(address: string, people: DemoPerson[]): string {
  const contractor = people.find(({ role }) => role === 'contractor');
  const shown = [
    onlyOne(people, 'admin'),
    onlyOne(people, 'researcher'),
    ...(contractor ? [contractor] : []),
  ];
  const lines = shown.map(
    ({ role, email, password }) => `  ${role.padEnd(11)} ${email.padEnd(26)} ${password}`,
  );
  return `Open ${address} and sign in as\n${lines.join('\n')}`;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof AppError ? error.message : error);
    process.exit(1);
  },
);
