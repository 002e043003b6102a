'use client';

import Link from 'next/link';
import { WhiskerFigure, type WhiskerPoint } from '../../../components/charts/whisker-figure.tsx';
import { Section } from '../../../components/ui/page-frame.tsx';
import { count, percent, percentWithin } from '../../../lib/format.ts';
import type { Report } from './quality-view.tsx';

type Margin = NonNullable<Report['reward']>['byMargin'][number];

/** The reward model against people, by how sure it is, beside how far people agree among themselves. */
export function RewardPart({ report }: { report: Report }) {
  const { reward } = report;
  if (reward === null || reward.model === null) {
    return report.rankings === 0 ? null : (
      <Section title="Reward model and people">
        <p className="max-w-prose text-quiet">
          No ranked completion has been scored by a reward model yet. After a round’s reward stage, its
          agreement with the labelers will be here.
        </p>
      </Section>
    );
  }
  const name = ({ from, to }: Margin) => (to === null ? `${from} or more` : `${from} to ${to}`);
  const pointsOf = (of: 'model' | 'people'): WhiskerPoint[] =>
    reward.byMargin.flatMap((margin, x) => {
      const share = margin[of];
      if (!share) return [];
      return [
        {
          x,
          name: name(margin),
          mean: share.mean,
          low: share.low,
          high: share.high,
          note: `${of}: ${count(share.n)} pairs`,
        },
      ];
    });
  const people = pointsOf('people');
  return (
    <Section title="Reward model and people">
      <p className="max-w-prose">
        {reward.models.map((model, index) => (
          <span key={model.id}>
            {index > 0 && ', '}
            <Link href={`/models/${model.id}`} className="font-strong hover:underline">
              {model.name}
            </Link>
          </span>
        ))}{' '}
        agrees with labelers on <strong>{percentWithin(reward.model)}</strong> of {count(reward.model.n)}{' '}
        pairs
        {reward.people ? (
          <>
            ; two labelers agree with each other on <strong>{percentWithin(reward.people)}</strong> of the
            same pairs.
          </>
        ) : (
          '; no two labelers ranked the same pairs, so there is nothing to hold it against.'
        )}
      </p>
      <WhiskerFigure
        title="Agreement by the reward model’s margin"
        axis="share of strictly ordered pairs"
        series={[
          { label: 'reward model', tone: 'reward', points: pointsOf('model') },
          ...(people.length > 0 ? [{ label: 'people', tone: 'people' as const, points: people }] : []),
        ]}
        ticks={reward.byMargin.map((margin, x) => ({ x, label: name(margin) }))}
        span={[0, reward.byMargin.length - 1]}
        reference={{ value: 0.5, label: 'chance' }}
        bounds={[0, 1]}
        format={(value) => percent(value)}
      >
        Margin: how far apart the model scores the two, in standard deviations of its scores. People’s
        agreement with each other is the ceiling to compare with, though no hard one: a model that learnt from
        many may agree with one labeler more often than another labeler does.
      </WhiskerFigure>
    </Section>
  );
}
