'use client';

import 'uplot/dist/uPlot.min.css';
import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import { measure } from '../../lib/format.ts';
import { type Series, smooth } from '../../lib/metrics.ts';
import { resolveColour, useThemeVersion } from './colours.ts';

interface CurveProps {
  series: Series[];
  /** The colour token of each series. */
  tokens: string[];
  height: number;
  /** Charts of one group move their cursors together. */
  group: string;
  /** The x axis, the same for the whole group. */
  range: [number, number];
  showSteps: boolean;
  /** Called with the step under the cursor; null when it leaves. */
  onStep(step: number | null): void;
}

/** One drawn line: the raw points faint, or the line that carries the name. */
interface Line {
  label: string;
  token: string;
  faint: boolean;
  dashed: boolean;
  column: (number | null)[];
}

/** About so many points of the smoothed line stand apart, however long the run is. */
const SMOOTHED_DETAIL = 25;
/** Below so many points there is nothing to smooth. */
const SMOOTH_FROM = 40;
/** Room at the right for the names at the lines' ends, in CSS pixels. */
const LABEL_ROOM = 120;

/** One chart of a run: raw points faint behind the smoothed line, named at its end. */
export default function Curve({ series, tokens, height, group, range, showSteps, onStep }: CurveProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useThemeVersion();
  const { steps, lines } = useMemo(() => toLines(series, tokens), [series, tokens]);
  // The plot is made anew when what it is made of changes; new points only go in.
  const shape = lines.map((line) => `${line.label}|${line.token}|${line.faint}`).join('\n');
  const latest = useRef({ steps, lines, range, onStep });
  useEffect(() => {
    latest.current = { steps, lines, range, onStep };
  });

  useEffect(() => {
    const element = frame.current;
    if (!element || shape === '' || theme < 0) return;
    const quiet = resolveColour('quiet');
    const grid = resolveColour('line');
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        padding: [10, LABEL_ROOM, showSteps ? 0 : 8, 0],
        cursor: { sync: { key: group }, y: false, drag: { x: false, y: false } },
        scales: { x: { time: false, range: () => latest.current.range } },
        axes: [
          {
            show: showSteps,
            stroke: quiet,
            font,
            grid: { show: false },
            ticks: { show: false },
            size: 22,
            gap: 2,
          },
          {
            stroke: quiet,
            font,
            size: 56,
            gap: 4,
            space: 32,
            grid: { stroke: grid, width: 0.5 },
            ticks: { show: false },
            values: (_, ticks) => ticks.map((tick) => measure(Number(tick.toPrecision(6)))),
          },
        ],
        series: [
          {},
          ...latest.current.lines.map(
            (line): uPlot.Series => ({
              stroke: resolveColour(line.token),
              width: line.faint ? 1 : 2,
              alpha: line.faint ? 0.28 : 1,
              spanGaps: true,
              points: { show: false },
              ...(line.dashed ? { dash: [5, 4] } : {}),
            }),
          ),
        ],
        hooks: {
          setCursor: [
            (self) => {
              const at = self.cursor.idx;
              latest.current.onStep(at == null ? null : (self.data[0][at] ?? null));
            },
          ],
          draw: [(self) => nameEnds(self, latest.current.lines)],
        },
      },
      [latest.current.steps, ...latest.current.lines.map((line) => line.column)],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, group, height, showSteps, theme]);

  useEffect(() => {
    plot.current?.setData([steps, ...lines.map((line) => line.column)]);
  }, [steps, lines]);

  return <div ref={frame} aria-hidden="true" className="w-full overflow-hidden" style={{ height }} />;
}

/** Writes each line's name and last value at its end, no two over one another. */
function nameEnds(self: uPlot, lines: Line[]): void {
  const { ctx } = self;
  const ratio = devicePixelRatio;
  const named = lines.filter((line) => !line.faint).length;
  const ends = lines.flatMap((line) => {
    if (line.faint) return [];
    const at = line.column.findLastIndex((value) => value !== null);
    const value = line.column[at];
    const step = self.data[0][at];
    if (value === null || value === undefined || step === undefined) return [];
    return [
      {
        x: self.valToPos(step, 'x', true),
        y: self.valToPos(value, 'y', true),
        text: `${named > 1 ? `${line.label} ` : ''}${measure(value)}`,
        token: line.token,
      },
    ];
  });
  ctx.save();
  ctx.font = `600 ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  let lowest = Number.NEGATIVE_INFINITY;
  for (const end of ends.sort((a, b) => a.y - b.y)) {
    lowest = Math.max(end.y, lowest + 14 * ratio);
    ctx.fillStyle = resolveColour(end.token);
    ctx.fillText(end.text, end.x + 6 * ratio, lowest);
  }
  ctx.restore();
}

/** The series on one list of steps: each as it is, and smoothed when it is long enough. */
function toLines(series: Series[], tokens: string[]): { steps: number[]; lines: Line[] } {
  const steps = [...new Set(series.flatMap((one) => one.steps))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, at) => [step, at]));
  const lines = series.flatMap((one, index): Line[] => {
    const spread = (values: number[]) => {
      const column: (number | null)[] = steps.map(() => null);
      one.steps.forEach((step, at) => {
        column[place.get(step) ?? 0] = values[at] ?? null;
      });
      return column;
    };
    const line = { label: one.label, token: tokens[index] ?? 'ink', dashed: index > 0 };
    if (one.values.length < SMOOTH_FROM) return [{ ...line, faint: false, column: spread(one.values) }];
    return [
      { ...line, faint: true, dashed: false, column: spread(one.values) },
      {
        ...line,
        faint: false,
        column: spread(smooth(one.values, 1 - 1 / (1 + one.values.length / SMOOTHED_DETAIL))),
      },
    ];
  });
  return { steps, lines };
}
