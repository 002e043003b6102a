'use client';

import { type ReactNode, useId } from 'react';
import { Table } from '../ui/table.tsx';
import { niceTicks } from './ticks.ts';

export interface WhiskerPoint {
  x: number;
  /** What stands at x, in the table: a date, a place, a range. */
  name: string;
  mean: number;
  /** Both null where there is no interval. */
  low: number | null;
  high: number | null;
  /** What it was counted over, in the table. */
  note?: string;
}

export interface WhiskerSeries {
  label: string;
  /** `quiet`: what the others are held against, dashed and without marks. */
  tone: 'people' | 'reward' | 'quiet';
  points: WhiskerPoint[];
}

interface WhiskerFigureProps {
  title: string;
  /** What is measured, with its unit. */
  axis: string;
  series: WhiskerSeries[];
  /** Names along the x axis. */
  ticks: { x: number; label: string }[];
  /** Moments on the x axis at which something changed. */
  marks?: { x: number; label: string }[];
  /** The ends of the x axis; those of the points when absent. */
  span?: [number, number];
  /** A dashed line with its name. */
  reference?: { value: number; label: string };
  /** Ends that the y axis does not pass: 0 and 1 for a share. */
  bounds?: [number, number];
  format(value: number): string;
  /** How to read it, in a sentence or two. */
  children?: ReactNode;
  height?: number;
}

const WIDTH = 640;
const LEFT = 56;
const RIGHT = 96;
const TOP = 40;
const BOTTOM = 32;

const tones = {
  people: 'text-ink',
  reward: 'text-model-reward',
  quiet: 'text-quiet',
} as const;

/**
 * Means with their 95 % intervals as whiskers along an axis, joined in order. Each series is named at its end and has a
 * mark of its own; the same numbers are in a table behind it.
 */
export function WhiskerFigure({
  title,
  axis,
  series,
  ticks,
  marks = [],
  span,
  reference,
  bounds = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  format,
  children,
  height = 260,
}: WhiskerFigureProps) {
  const id = useId();
  const all = series.flatMap(({ points }) => points);
  const ends = all.flatMap(({ mean, low, high }) => [low ?? mean, high ?? mean]);
  if (reference) ends.push(reference.value);
  const low = Math.min(...ends);
  const high = Math.max(...ends);
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  const levels = niceTicks(Math.max(bounds[0], low - room), Math.min(bounds[1], high + room), 4);
  const bottom = levels[0] ?? 0;
  const top = levels.at(-1) ?? 1;
  const y = (value: number) => TOP + ((top - value) / (top - bottom || 1)) * (height - TOP - BOTTOM);
  const [from, to] = span ?? [Math.min(...all.map(({ x }) => x)), Math.max(...all.map(({ x }) => x))];
  const inset = 16;
  const x = (value: number) =>
    to === from
      ? (LEFT + WIDTH - RIGHT) / 2
      : LEFT + inset + ((value - from) / (to - from)) * (WIDTH - LEFT - RIGHT - 2 * inset);
  const names = [...new Map(all.map((point) => [point.x, point.name]))].sort(([a], [b]) => a - b);
  const labels = spread(
    series.flatMap(({ label, points, tone }) => {
      const last = points.at(-1);
      return last ? [{ label, tone, at: x(last.x), y: y(last.mean) }] : [];
    }),
  );
  return (
    <figure className="flex min-w-0 max-w-[44rem] flex-1 basis-96 flex-col gap-2">
      <figcaption>
        <h3 id={id} className="text-14 font-strong">
          {title}
        </h3>
        <p className="text-12 text-quiet">{axis}</p>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-labelledby={id} className="w-full font-sans">
        <title>{title}</title>
        {levels.map((level) => (
          <g key={level}>
            <line
              x1={LEFT}
              x2={WIDTH - RIGHT}
              y1={y(level)}
              y2={y(level)}
              className="stroke-line"
              strokeWidth={0.75}
            />
            <text x={LEFT - 10} y={y(level) + 4} textAnchor="end" className="fill-quiet" fontSize={12}>
              {format(level)}
            </text>
          </g>
        ))}
        {ticks.map((tick) => (
          <text
            key={tick.x}
            x={x(tick.x)}
            y={height - 10}
            textAnchor="middle"
            className="fill-quiet"
            fontSize={12}
          >
            {tick.label}
          </text>
        ))}
        {reference && (
          <g>
            <line
              x1={LEFT}
              x2={WIDTH - RIGHT}
              y1={y(reference.value)}
              y2={y(reference.value)}
              className="stroke-quiet"
              strokeDasharray="4 4"
            />
            <text x={WIDTH - RIGHT + 8} y={y(reference.value) + 4} className="fill-quiet" fontSize={12}>
              {reference.label}
            </text>
          </g>
        )}
        {marks.map((mark, index) => (
          <g key={mark.label}>
            <line
              x1={x(mark.x)}
              x2={x(mark.x)}
              y1={TOP - 8}
              y2={height - BOTTOM}
              className="stroke-edge"
              strokeDasharray="2 3"
            />
            <text
              x={x(mark.x)}
              y={TOP - 14 - (index % 2) * 13}
              textAnchor="middle"
              className="fill-quiet"
              fontSize={12}
            >
              {mark.label}
            </text>
          </g>
        ))}
        {series.map(({ label, tone, points }) => (
          <g key={label} className={tones[tone]}>
            <polyline
              points={points.map((point) => `${x(point.x)},${y(point.mean)}`).join(' ')}
              className="fill-transparent stroke-current"
              strokeWidth={tone === 'quiet' ? 1.25 : 1.5}
              strokeDasharray={tone === 'quiet' ? '4 4' : undefined}
              opacity={tone === 'quiet' ? 1 : 0.55}
            />
            {points.map((point) => (
              <g key={point.x}>
                {point.low !== null && point.high !== null && (
                  <g className="stroke-current" strokeWidth={1.5}>
                    <line x1={x(point.x)} x2={x(point.x)} y1={y(point.low)} y2={y(point.high)} />
                    <line x1={x(point.x) - 4} x2={x(point.x) + 4} y1={y(point.low)} y2={y(point.low)} />
                    <line x1={x(point.x) - 4} x2={x(point.x) + 4} y1={y(point.high)} y2={y(point.high)} />
                  </g>
                )}
                <Mark tone={tone} x={x(point.x)} y={y(point.mean)} />
              </g>
            ))}
          </g>
        ))}
        {labels.map(({ label, tone, at, y: height }) => (
          <text
            key={label}
            x={at + 12}
            y={height + 4}
            className={`fill-current ${tones[tone]}`}
            fontSize={12}
            fontWeight={600}
          >
            {label}
          </text>
        ))}
      </svg>
      {children !== undefined && <p className="text-12 text-quiet">{children}</p>}
      <details>
        <summary className="text-12 text-quiet">Show the numbers</summary>
        <Table
          caption={`${title}: ${axis}`}
          rows={names}
          rowKey={([at]) => String(at)}
          columns={[
            { head: 'At', cell: ([, name]) => <span className="whitespace-nowrap">{name}</span> },
            ...series.map(({ label, points }) => ({
              head: label,
              numeric: true,
              cell: ([at]: [number, string]) => {
                const point = points.find((one) => one.x === at);
                if (!point) return '–';
                const interval =
                  point.low === null || point.high === null
                    ? ''
                    : ` (${format(point.low)} to ${format(point.high)})`;
                return `${format(point.mean)}${interval}`;
              },
            })),
            {
              head: 'Counted',
              numeric: true,
              cell: ([at]: [number, string]) =>
                series.flatMap(({ points }) => points.find((one) => one.x === at)?.note ?? []).join('; '),
            },
          ]}
        />
      </details>
    </figure>
  );
}

/** Names at the lines' ends, no two over one another. */
function spread<T extends { y: number }>(labels: T[]): T[] {
  let lowest = Number.NEGATIVE_INFINITY;
  return [...labels]
    .sort((a, b) => a.y - b.y)
    .map((label) => {
      lowest = Math.max(label.y, lowest + 14);
      return { ...label, y: lowest };
    });
}

function Mark({ tone, x, y }: { tone: WhiskerSeries['tone']; x: number; y: number }) {
  const outline = { className: 'fill-current stroke-surface', strokeWidth: 1.5 };
  if (tone === 'quiet') return null;
  if (tone === 'reward') return <path d={`M${x} ${y - 6}l6 6 -6 6 -6 -6z`} {...outline} />;
  return <circle cx={x} cy={y} r={4.5} {...outline} />;
}
