import type { LabelerFigures } from './measure.ts';
import type { Share } from './tally.ts';

/** Below so many of each, a figure is no ground for a flag. */
const LEAST = { pairs: 30, prompts: 8, gold: 5, labels: 10, rankings: 40, reviewed: 5 } as const;
/** Share of labels faster than anybody reads from which it is said. */
const TOO_FAST = 0.1;
/** Chance of one false flag of position bias in a whole project. */
const POSITION_P = 0.01;

/** Something about a person's labels that those who run the project should look at. */
export interface Flag {
  userId: string;
  kind: 'agreement' | 'gold' | 'speed' | 'position' | 'rejected';
  /** A sentence with its numbers, after the person's name. */
  sentence: string;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `61 % ± 4`, kept on one line; the wider arm of the interval is named. */
function within({ mean, low, high }: Share): string {
  const arm = Math.max(mean - low, high - mean) * 100;
  return `${Math.round(mean * 100)}\u00a0%\u00a0±\u00a0${arm < 1 ? arm.toFixed(1) : arm.toFixed(0)}`;
}

/**
 * Flags by fixed rules: a figure whose whole 95 % interval is on the wrong side of the others', and enough behind it.
 * People whose labels are set aside already are not flagged again.
 */
export function findFlags(labelers: readonly LabelerFigures[]): Flag[] {
  return labelers.filter((one) => one.standing !== 'revoked').flatMap((one) => flagsOf(one, labelers));
}

function flagsOf(one: LabelerFigures, labelers: readonly LabelerFigures[]): Flag[] {
  const flags: Flag[] = [];
  const flag = (kind: Flag['kind'], sentence: string) => flags.push({ userId: one.userId, kind, sentence });
  const rate = one.agreement?.rate ?? null;
  const others = one.agreement?.others ?? null;
  if (rate && others && rate.n >= LEAST.pairs && rate.clusters >= LEAST.prompts && rate.high < others.low) {
    flag(
      'agreement',
      `agrees with others on ${within(rate)} of ${whole.format(rate.n)} pairs; the others with each other on ${within(others)}.`,
    );
  }
  const { gold } = one;
  const goldOfOthers = pooled(labelers, one, (other) => other.gold);
  if (gold && goldOfOthers !== null && gold.n >= LEAST.gold && gold.high < goldOfOthers) {
    flag(
      'gold',
      `scores ${within(gold)} on ${whole.format(gold.n)} tasks whose answer is known; the others ${Math.round(goldOfOthers * 100)} %.`,
    );
  }
  for (const [speed, what] of [
    [one.rankingSpeed, 'rankings'],
    [one.demonstrationSpeed, 'demonstrations'],
  ] as const) {
    if (!speed || speed.measured < LEAST.labels || speed.tooFast < speed.measured * TOO_FAST) continue;
    flag(
      'speed',
      `sent ${whole.format(speed.tooFast)} of ${whole.format(speed.measured)} ${what} sooner than ${what === 'rankings' ? 'they can be read' : 'they can be read and typed'}.`,
    );
  }
  const position = one.bias?.position;
  // As many people are tested as have enough rankings: each at its part of the chance (Bonferroni).
  const tested = labelers.filter((other) => (other.bias?.position.rankings ?? 0) >= LEAST.rankings).length;
  const most = position?.places.toSorted((a, b) => b.first.mean - b.chance - (a.first.mean - a.chance))[0];
  if (
    position &&
    most &&
    position.p !== null &&
    position.rankings >= LEAST.rankings &&
    position.p < POSITION_P / tested
  ) {
    flag(
      'position',
      `ranks what is shown ${ordinal(most.place)} on top in ${within(most.first)} of ${whole.format(position.rankings)} rankings; chance is ${Math.round(most.chance * 100)} %.`,
    );
  }
  const { rejected } = one;
  const rejectedOfOthers = pooled(labelers, one, (other) => other.rejected);
  if (
    rejected &&
    rejectedOfOthers !== null &&
    rejected.n >= LEAST.reviewed &&
    rejected.low > rejectedOfOthers
  ) {
    flag(
      'rejected',
      `had ${within(rejected)} of ${whole.format(rejected.n)} reviewed labels rejected; the others ${Math.round(rejectedOfOthers * 100)} %.`,
    );
  }
  return flags;
}

/** The mean of a share over everybody else's things counted; null when there are none. */
function pooled(
  labelers: readonly LabelerFigures[],
  one: LabelerFigures,
  of: (other: LabelerFigures) => Share | null,
): number | null {
  let sum = 0;
  let n = 0;
  for (const other of labelers) {
    const share = other.userId === one.userId ? null : of(other);
    if (!share) continue;
    sum += share.mean * share.n;
    n += share.n;
  }
  return n === 0 ? null : sum / n;
}

function ordinal(place: number): string {
  return (
    ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth'][place] ??
    `at place ${place + 1}`
  );
}
