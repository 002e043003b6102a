import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { guidelines, models, rankings, type TaskPurpose } from '@/db/schema.ts';
import { AgreementCount, type AgreementFigures, at, type LabelerAgreement } from './agreement.ts';
import { BiasCount, type BiasFigures } from './bias.ts';
import {
  demonstrationFigures,
  type GoldReport,
  goldAccuracy,
  type LabelerName,
  labelerNames,
  rejectedShares,
  revokedIn,
} from './counts.ts';
import { type Flag, findFlags } from './flags.ts';
import { eachRankedTask } from './ranked-tasks.ts';
import { RewardCount, type RewardReport } from './reward.ts';
import { Speed, type SpeedFigures } from './speed.ts';
import type { Share } from './tally.ts';

/** One person's figures in a project. */
export interface LabelerFigures extends LabelerName {
  rankings: number;
  demonstrations: number;
  agreement: LabelerAgreement | null;
  bias: BiasFigures | null;
  rankingSpeed: SpeedFigures | null;
  demonstrationSpeed: SpeedFigures | null;
  /** Mean score on tasks with a known answer. */
  gold: Share | null;
  /** Share of their reviewed labels that was rejected. */
  rejected: Share | null;
}

export interface QualityReport {
  measuredAt: Date;
  purpose: TaskPurpose;
  rankings: number;
  demonstrations: number;
  agreement: AgreementFigures;
  byGuideline: (AgreementFigures & { version: number | null; rankings: number })[];
  overTime: { unit: 'day' | 'week'; points: (AgreementFigures & { from: Date; rankings: number })[] };
  /** When each guideline version appeared, oldest first. */
  guidelines: { version: number; at: Date }[];
  byHour: { hour: number; rankings: number; rate: Share | null }[];
  bias: BiasFigures;
  rankingSpeed: SpeedFigures | null;
  demonstrationSpeed: SpeedFigures | null;
  reward: (RewardReport & { models: { id: string; name: string }[] }) | null;
  gold: Omit<GoldReport, 'byLabeler'>;
  /** Most labels first. */
  labelers: LabelerFigures[];
  flags: Flag[];
}

/** Everything that a project's labels say of their own quality, read and counted in one pass over its rankings. */
export async function measureQuality(
  db: Database,
  { projectId, purpose }: { projectId: string; purpose: TaskPurpose },
): Promise<QualityReport> {
  const measuredAt = new Date();
  const agreements = new AgreementCount(await revokedIn(db, projectId), await extentOf(db, projectId));
  const biases = new BiasCount();
  const rewards = new RewardCount();
  const allSpeeds = new Speed();
  const speeds = new Map<string, Speed>();
  const counts = [agreements, biases, rewards];
  let prompt: string | null = null;
  await eachRankedTask(db, { projectId, purpose }, (task) => {
    if (prompt !== null && prompt !== task.promptId) for (const count of counts) count.endPrompt();
    prompt = task.promptId;
    for (const count of counts) count.add(task);
    const read = task.completions.reduce((sum, one) => sum + one.characters, task.promptCharacters);
    for (const { labelerId, activeSeconds } of task.labels) {
      allSpeeds.add({ read, written: 0, activeSeconds });
      at(speeds, labelerId, Speed).add({ read, written: 0, activeSeconds });
    }
  });
  for (const count of counts) count.endPrompt();

  const agreement = agreements.report();
  const bias = biases.report();
  const written = await demonstrationFigures(db, projectId, purpose);
  const { byLabeler: goldOf, ...gold } = await goldAccuracy(db, projectId);
  const rejectedOf = await rejectedShares(db, projectId);
  const ids = [
    ...new Set([...speeds.keys(), ...written.byLabeler.keys(), ...goldOf.keys(), ...rejectedOf.keys()]),
  ];
  const names = await labelerNames(db, projectId, ids);
  const labelers = ids
    .flatMap((id): LabelerFigures[] => {
      const name = names.get(id);
      if (!name) return [];
      return [
        {
          ...name,
          rankings: agreement.rankingsOf.get(id) ?? 0,
          demonstrations: written.byLabeler.get(id)?.demonstrations ?? 0,
          agreement: agreement.byLabeler.get(id) ?? null,
          bias: bias.byLabeler.get(id) ?? null,
          rankingSpeed: speeds.get(id)?.figures ?? null,
          demonstrationSpeed: written.byLabeler.get(id)?.speed ?? null,
          gold: goldOf.get(id) ?? null,
          rejected: rejectedOf.get(id) ?? null,
        },
      ];
    })
    .sort(
      (a, b) =>
        b.rankings + b.demonstrations - a.rankings - a.demonstrations || (a.userId < b.userId ? -1 : 1),
    );
  const versions = await db
    .select({ id: guidelines.id, version: guidelines.version, at: guidelines.createdAt })
    .from(guidelines)
    .where(eq(guidelines.projectId, projectId))
    .orderBy(asc(guidelines.version));
  const versionOf = new Map<string | null, number>(versions.map(({ id, version }) => [id, version]));
  const reward = rewards.report();
  return {
    measuredAt,
    purpose,
    rankings: agreement.rankings,
    demonstrations: written.all.demonstrations,
    agreement: agreement.overall,
    byGuideline: [...agreement.byGuideline]
      .map(([id, figures]) => ({ version: versionOf.get(id) ?? null, ...figures }))
      .sort((a, b) => (a.version ?? 0) - (b.version ?? 0)),
    overTime: agreement.overTime,
    guidelines: versions.map(({ version, at }) => ({ version, at })),
    byHour: agreement.byHour,
    bias: { position: bias.position, longer: bias.longer },
    rankingSpeed: allSpeeds.figures,
    demonstrationSpeed: written.all.speed,
    reward: reward && {
      ...reward,
      models: await db
        .select({ id: models.id, name: models.name })
        .from(models)
        .where(inArray(models.id, reward.modelIds)),
    },
    gold,
    labelers,
    flags: findFlags(labelers),
  };
}

/** Milliseconds between a project's oldest current ranking and its newest, and how many there are. */
async function extentOf(db: Database, projectId: string): Promise<{ span: number; rankings: number }> {
  const [row] = await db
    .select({
      span: sql<
        string | null
      >`extract(epoch from max(${rankings.createdAt}) - min(${rankings.createdAt})) * 1000`,
      rankings: sql<number>`count(*)::int`,
    })
    .from(rankings)
    .where(and(eq(rankings.projectId, projectId), isNull(rankings.supersededAt)));
  return { span: Number(row?.span ?? 0), rankings: row?.rankings ?? 0 };
}
