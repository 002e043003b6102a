import { setTimeout as sleep } from 'node:timers/promises';
import { desc, eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { rounds, runMetrics, runs } from '@/db/schema.ts';
import { secondsOf } from '../rounds/report.ts';
import { type Round, readRound } from '../rounds/rounds.ts';
import { describeRound } from '../rounds/view.ts';
import type { ProgressDisplay } from './progress.ts';

const POLL_MILLISECONDS = 500;
const UNITS: Record<string, string> = { steps: 'steps' };

/** How the terminal names the round's states. */
export const STAGE_NAMES: Record<string, string> = {
  pretrain: 'pretraining',
  demonstrations: 'demonstrations',
  sft: 'SFT',
  sampling: 'sampling',
  ranking: 'rankings',
  reward: 'reward model',
  ppo: 'PPO',
  evaluation: 'evaluation',
};

/** Follows a run until `signal`, and shows its steps, its speed and its resumes. */
export async function watchRun(
  db: Database,
  runId: string,
  display: ProgressDisplay,
  signal: AbortSignal,
): Promise<void> {
  let resumes: number | null = null;
  let over = false;
  while (!signal.aborted && !over) {
    const [run] = await db.select().from(runs).where(eq(runs.id, runId));
    if (!run) return;
    const name = STAGE_NAMES[run.stage] ?? run.stage;
    if (run.status === 'running' || run.status === 'completed') {
      const [last] = await db
        .select({ values: runMetrics.values })
        .from(runMetrics)
        .where(eq(runMetrics.runId, runId))
        .orderBy(desc(runMetrics.step))
        .limit(1);
      display.update({
        name,
        done: run.step,
        total: run.totalSteps,
        unit: 'steps',
        tokensPerSecond: last?.values.tokensPerSecond ?? null,
      });
    }
    if (resumes !== null && run.resumeCount > resumes) {
      display.say(`${name}: run resumed from step ${run.resumedFrom ?? 0}.`);
    }
    resumes = run.resumeCount;
    over = run.status === 'completed' || run.status === 'failed' || run.status === 'cancelled';
    if (over && run.startedAt && run.finishedAt && run.status === 'completed') {
      display.finish(name, (run.finishedAt.getTime() - run.startedAt.getTime()) / 1000);
    }
    if (!over) await pause(signal);
  }
}

/**
 * Follows a round until it has ended, and shows every state on its way.
 * @returns the round as it ended, or null when `signal` came first
 */
export async function watchRound(
  db: Database,
  roundId: string,
  display: ProgressDisplay,
  signal: AbortSignal,
): Promise<Round | null> {
  const watched = new Set<string>();
  const finished = new Set<string>();
  while (!signal.aborted) {
    const [row] = await db.select().from(rounds).where(eq(rounds.id, roundId));
    if (!row) throw new Error('The demo’s round is gone.');
    const round = readRound(row);
    const view = await describeRound(db, round);
    for (const state of view.states) {
      const name = STAGE_NAMES[state.state] ?? state.state;
      if (state.runId !== null && state.state !== 'demonstrations' && !watched.has(state.runId)) {
        watched.add(state.runId);
        void watchRun(db, state.runId, display, signal).catch(() => {});
      }
      const { progress } = state;
      if (state.state === 'demonstrations' || state.state === 'ranking' || state.state === 'evaluation') {
        if (progress && state.phase === 'current' && progress.want !== 0) {
          display.update({
            name,
            done: progress.have,
            total: progress.want,
            unit: UNITS[progress.unit] ?? progress.unit,
            tokensPerSecond: null,
          });
        }
        if (state.leftAt && !finished.has(state.state)) {
          finished.add(state.state);
          display.finish(name, (await secondsOf(db, round))[state.state] ?? 0);
        }
      }
    }
    if (round.status !== 'active') return round;
    await pause(signal);
  }
  return null;
}

const pause = (signal: AbortSignal): Promise<void> =>
  sleep(POLL_MILLISECONDS, undefined, { signal }).catch(() => {});
