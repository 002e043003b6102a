'use client';

import { WhiskerFigure, type WhiskerPoint } from '../../../components/charts/whisker-figure.tsx';
import { Section } from '../../../components/ui/page-frame.tsx';
import { count, percent, percentWithin } from '../../../lib/format.ts';
import type { Report } from './quality-view.tsx';
import { pText } from './words.ts';

type Bias = Report['bias'];

const letter = (place: number) => String.fromCharCode(65 + place);

/** What besides the answers moves a ranking: where a completion stands, its length, the hour. */
export function BiasPart({ report }: { report: Report }) {
  const hours = report.byHour.flatMap(({ hour, rate, rankings }): WhiskerPoint[] =>
    rate
      ? [
          {
            x: hour,
            name: `${String(hour).padStart(2, '0')}:00`,
            mean: rate.mean,
            low: rate.low,
            high: rate.high,
            note: `${count(rankings)} rankings`,
          },
        ]
      : [],
  );
  if (report.bias.position.rankings === 0 && report.bias.longer === null) return null;
  return (
    <Section title="Bias">
      <div className="flex flex-wrap gap-x-10 gap-y-6">
        <PositionFigure position={report.bias.position} />
        {hours.length > 1 && (
          <WhiskerFigure
            title="Agreement by hour of the day"
            axis="share of pairs in the same order; hours in UTC"
            series={[{ label: 'people', tone: 'people', points: hours }]}
            span={[0, 23]}
            ticks={[0, 4, 8, 12, 16, 20].map((hour) => ({ x: hour, label: `${hour}:00` }))}
            {...(report.agreement.rate
              ? { reference: { value: report.agreement.rate.mean, label: 'all day' } }
              : {})}
            bounds={[0, 1]}
            format={(value) => percent(value)}
          >
            Each pair of rankings counts for the hours at which both were made.
          </WhiskerFigure>
        )}
      </div>
      <LongerSentence longer={report.bias.longer} />
    </Section>
  );
}

/** How often what is shown at each place is ranked first. */
export function PositionFigure({ position }: { position: Bias['position'] }) {
  if (position.rankings === 0) {
    return <p className="text-quiet">The order in which completions were shown is known for no ranking.</p>;
  }
  return (
    <WhiskerFigure
      title="Ranked first, by place on the page"
      axis="share of rankings that put what is shown there first"
      series={[
        {
          label: 'ranked first',
          tone: 'people',
          points: position.places.map(({ place, first }) => ({
            x: place,
            name: `shown as ${letter(place)}`,
            mean: first.mean,
            low: first.low,
            high: first.high,
            note: `${count(first.n)} rankings`,
          })),
        },
        {
          label: 'chance',
          tone: 'quiet',
          points: position.places.map(({ place, chance }) => ({
            x: place,
            name: `shown as ${letter(place)}`,
            mean: chance,
            low: null,
            high: null,
          })),
        },
      ]}
      ticks={position.places.map(({ place }) => ({ x: place, label: letter(place) }))}
      bounds={[0, 1]}
      format={(value) => percent(value)}
    >
      The order is shuffled for each labeler, so every place should come first as often as chance has it. Of
      such differences from chance: {pText(position.p)} (χ² over {count(position.rankings)} rankings; a shared
      first place counts in parts).
    </WhiskerFigure>
  );
}

/** How often the longer of two completions wins. */
export function LongerSentence({ longer }: { longer: Bias['longer'] }) {
  if (longer === null) return null;
  return (
    <p className="max-w-prose">
      The longer of two completions wins <strong>{percentWithin(longer)}</strong> of {count(longer.n)} pairs.{' '}
      <span className="text-quiet">
        50 % would be no bias, but longer answers may also be better ones. A reward model learns it either
        way.
      </span>
    </p>
  );
}
