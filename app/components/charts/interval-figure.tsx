'use client';

import { type ReactNode, useId, useRef } from 'react';
import { Button } from '../ui/button.tsx';
import { Table } from '../ui/table.tsx';
import type { ModelKind } from './colours.ts';
import { niceTicks } from './ticks.ts';

export interface IntervalPoint {
  label: string;
  /** A second line under the label, for example how many votes. */
  note?: string;
  kind: ModelKind | 'people';
  mean: number;
  /** Both null for a value that is known exactly. */
  low: number | null;
  high: number | null;
}

interface IntervalFigureProps {
  title: string;
  /** What is measured, with its unit. */
  axis: string;
  points: IntervalPoint[];
  /** Fixed ends of the axis; from the data when absent. */
  range?: [number, number];
  /** A dashed line with its name, for example at chance. */
  reference?: { value: number; label: string };
  format(value: number): string;
  /** One or two sentences under the figure: how to read it. */
  children?: ReactNode;
}

const WIDTH = 560;
const HEIGHT = 310;
const LEFT = 64;
const RIGHT = 24;
const TOP = 34;
const BOTTOM = 56;

/**
 * Means with their 95 % intervals as whiskers, in columns: the form of InstructGPT's first figure. Every column has its
 * name, its model's colour and its model's shape, and its value beside the point.
 */
export function IntervalFigure({
  title,
  axis,
  points,
  range,
  reference,
  format,
  children,
}: IntervalFigureProps) {
  const svg = useRef<SVGSVGElement>(null);
  const id = useId();
  const ends = points.flatMap((point) => [point.low ?? point.mean, point.high ?? point.mean]);
  if (reference) ends.push(reference.value);
  const ticks = niceTicks(...(range ?? padded(Math.min(...ends), Math.max(...ends))), 5);
  const bottom = range?.[0] ?? ticks[0] ?? 0;
  const top = range?.[1] ?? ticks.at(-1) ?? 1;
  const y = (value: number) => TOP + ((top - value) / (top - bottom || 1)) * (HEIGHT - TOP - BOTTOM);
  const step = (WIDTH - LEFT - RIGHT) / points.length;
  const x = (index: number) => LEFT + step * (index + 0.5);

  return (
    <figure className="flex max-w-[40rem] flex-col gap-2">
      <figcaption className="flex items-baseline gap-3">
        <h3 id={id} className="flex-1 text-14 font-strong">
          {title}
        </h3>
        <Button small tone="quiet" onClick={() => svg.current && saveSvg(svg.current, title)}>
          Save SVG
        </Button>
      </figcaption>
      <svg
        ref={svg}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-labelledby={id}
        className="w-full font-sans"
      >
        <title>{title}</title>
        <text x={0} y={12} className="fill-quiet" fontSize={12}>
          {axis}
        </text>
        {ticks.map((tick) => (
          <g key={tick}>
            <line
              x1={LEFT}
              x2={WIDTH - RIGHT}
              y1={y(tick)}
              y2={y(tick)}
              className="stroke-line"
              strokeWidth={0.75}
            />
            <text x={LEFT - 10} y={y(tick) + 4} textAnchor="end" className="fill-quiet" fontSize={12}>
              {format(tick)}
            </text>
          </g>
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
            <text
              x={WIDTH - RIGHT}
              y={y(reference.value) - 6}
              textAnchor="end"
              className="fill-quiet"
              fontSize={12}
            >
              {reference.label}
            </text>
          </g>
        )}
        {points.map((point, index) => (
          <g key={point.label} className={colours[point.kind]}>
            {point.low !== null && point.high !== null && (
              <g className="stroke-current" strokeWidth={2}>
                <line x1={x(index)} x2={x(index)} y1={y(point.low)} y2={y(point.high)} />
                <line x1={x(index) - 9} x2={x(index) + 9} y1={y(point.low)} y2={y(point.low)} />
                <line x1={x(index) - 9} x2={x(index) + 9} y1={y(point.high)} y2={y(point.high)} />
              </g>
            )}
            <Shape kind={point.kind} x={x(index)} y={y(point.mean)} />
            <text
              x={x(index) + 15}
              y={y(point.mean) + 4}
              className="fill-current"
              fontSize={14}
              fontWeight={600}
            >
              {format(point.mean)}
            </text>
            <text
              x={x(index)}
              y={HEIGHT - BOTTOM + 24}
              textAnchor="middle"
              className="fill-ink"
              fontSize={14}
              fontWeight={600}
            >
              {point.label}
            </text>
            {point.note !== undefined && (
              <text
                x={x(index)}
                y={HEIGHT - BOTTOM + 42}
                textAnchor="middle"
                className="fill-quiet"
                fontSize={12}
              >
                {point.note}
              </text>
            )}
          </g>
        ))}
      </svg>
      {children !== undefined && <p className="text-12 text-quiet">{children}</p>}
      <details>
        <summary className="text-12 text-quiet">Show the numbers</summary>
        <Table
          caption={`${title}: ${axis}`}
          rows={points}
          rowKey={(point) => point.label}
          columns={[
            { head: 'What', cell: (point) => point.label },
            { head: 'Mean', numeric: true, cell: (point) => format(point.mean) },
            {
              head: '95 % interval',
              numeric: true,
              cell: (point) =>
                point.low === null || point.high === null
                  ? ''
                  : `${format(point.low)} to ${format(point.high)}`,
            },
            { head: 'Note', cell: (point) => point.note ?? '' },
          ]}
        />
      </details>
    </figure>
  );
}

const colours: Record<IntervalPoint['kind'], string> = {
  base: 'text-model-base',
  sft: 'text-model-sft',
  reward: 'text-model-reward',
  ppo: 'text-model-ppo',
  people: 'text-ink',
};

/** The mark of a kind of model, the same as in its chip. */
function Shape({ kind, x, y }: { kind: IntervalPoint['kind']; x: number; y: number }) {
  const r = 4.5;
  const outline = { className: 'fill-current stroke-surface', strokeWidth: 1.5 };
  if (kind === 'base') return <rect x={x - r} y={y - r} width={2 * r} height={2 * r} {...outline} />;
  if (kind === 'reward')
    return (
      <path d={`M${x} ${y - r - 2}l${r + 2} ${r + 2} ${-r - 2} ${r + 2} ${-r - 2} ${-r - 2}z`} {...outline} />
    );
  if (kind === 'ppo')
    return <path d={`M${x} ${y - r - 2}l${r + 2} ${2 * r + 2}h${-2 * r - 4}z`} {...outline} />;
  return <circle cx={x} cy={y} r={r + 0.5} {...outline} />;
}

function padded(low: number, high: number): [number, number] {
  const room = (high - low || Math.abs(high) || 1) * 0.15;
  return [low - room, high + room];
}

/** Offers the figure as a file that stands by itself: colours and type written into it. */
function saveSvg(svg: SVGSVGElement, title: string): void {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = svg.querySelectorAll('*');
  copy.querySelectorAll('*').forEach((element, index) => {
    const original = originals[index];
    if (!original) return;
    const style = getComputedStyle(original);
    element.setAttribute('fill', style.fill);
    element.setAttribute('stroke', style.stroke);
    element.removeAttribute('class');
  });
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('font-family', 'Geist, Helvetica, Arial, sans-serif');
  copy.removeAttribute('class');
  const url = URL.createObjectURL(new Blob([copy.outerHTML], { type: 'image/svg+xml' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.svg`;
  link.click();
  URL.revokeObjectURL(url);
}
