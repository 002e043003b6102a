import { html, type Markup } from './html.ts';
import type { Hue } from './hue.ts';

/** Something drawn over the plane of a chart. */
export interface Mark {
  /** Written at the last point; '' writes none. */
  label: string;
  hue: Hue;
  /** 'line' joins the points, 'dashed' too, 'raw' faintly; 'dots' and 'hollow' mark each. */
  form: 'line' | 'dashed' | 'raw' | 'dots' | 'hollow';
  points: readonly { x: number; y: number /** told by the pointer */; name?: string }[];
}

export interface ChartOptions {
  /** Names the picture for those who do not see it. */
  title: string;
  xLabel: string;
  marks: readonly Mark[];
  /** Fixed bounds; from the points if left out. */
  x?: readonly [number, number];
  y?: readonly [number, number];
  /** The line of no difference: y = x, or a value of y. */
  even?: 'diagonal' | number;
  /** In the pixels that it is meant to be seen at, so that its text is as large as the page's; 440 if left out. */
  width?: number;
}

const WIDTH = 440;
const HEIGHT = 240;
const MARGIN = { top: 12, right: 92, bottom: 40, left: 48 };

/** A chart as inline SVG: axes from the data, faint grid, labels at the ends of lines. */
export function chart({ title, xLabel, marks, x, y, even, width = WIDTH }: ChartOptions): Markup {
  const points = marks.flatMap((mark) => mark.points);
  const longest = Math.max(...marks.map(({ label }) => label.length));
  const right = Math.min(MARGIN.right, 16 + 8 * longest);
  const xScale = scaleOf(x ?? extent(points.map((point) => point.x)), MARGIN.left, width - right);
  const yScale = scaleOf(
    y ?? padded(extent([...points.map((point) => point.y), ...(typeof even === 'number' ? [even] : [])])),
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  );
  const left = MARGIN.left;
  const bottom = HEIGHT - MARGIN.bottom;
  const grid = yScale.ticks.map(
    (tick) => html`
<line class="grid" x1="${left}" x2="${width - right}" y1="${round(yScale.at(tick))}" y2="${round(yScale.at(tick))}"/>
<text x="${left - 8}" y="${round(yScale.at(tick) + 4)}" text-anchor="end">${yScale.format(tick)}</text>`,
  );
  const ticks = xScale.ticks.map(
    (tick) => html`
<text x="${round(xScale.at(tick))}" y="${bottom + 17}" text-anchor="middle">${xScale.format(tick)}</text>`,
  );
  const place = ({ x: px, y: py }: { x: number; y: number }): { x: number; y: number } => ({
    x: round(xScale.at(px)),
    y: round(yScale.at(py)),
  });
  return html`<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${title}">${grid}
<line class="axis" x1="${left}" x2="${width - right}" y1="${bottom}" y2="${bottom}"/>${ticks}
<text x="${width - right}" y="${bottom + 34}" text-anchor="end">${xLabel}</text>${evenLine(even, xScale, yScale)}
${marks.map((mark) => drawMark(mark, place))}${labels(marks, place)}</svg>`;
}

function drawMark(
  { form, hue, points }: Mark,
  place: (point: { x: number; y: number }) => { x: number; y: number },
): Markup {
  if (form === 'dots' || form === 'hollow') {
    const shape = form === 'dots' ? 'dot' : 'hollow';
    return html`<g class="${hue}">${points.map((point) => {
      const at = place(point);
      return html`<circle class="${shape}" cx="${at.x}" cy="${at.y}" r="4">${
        point.name === undefined ? null : html`<title>${point.name}</title>`
      }</circle>`;
    })}</g>`;
  }
  const path = points.map((point, index) => {
    const at = place(point);
    return `${index === 0 ? 'M' : 'L'}${at.x} ${at.y}`;
  });
  const kind = form === 'raw' ? 'raw' : form === 'dashed' ? 'line dashed' : 'line';
  return html`<g class="${hue}"><path class="${kind}" d="${path.join('')}"/></g>`;
}

/** Labels right of the last points, moved apart where they would lie on each other. */
function labels(
  marks: readonly Mark[],
  place: (point: { x: number; y: number }) => { x: number; y: number },
): Markup[] {
  const wanted = marks
    .flatMap(({ label, hue, points }) => {
      const last = points.at(-1);
      return label === '' || !last ? [] : [{ label, hue, ...place(last) }];
    })
    .sort((a, b) => a.y - b.y);
  let lowest = Number.NEGATIVE_INFINITY;
  return wanted.map(({ label, hue, x, y }) => {
    const at = Math.max(y + 4, lowest + 14);
    lowest = at;
    return html`<g class="${hue}"><text class="label" x="${x + 9}" y="${round(at)}">${label}</text></g>`;
  });
}

function evenLine(even: ChartOptions['even'], x: Scale, y: Scale): Markup | null {
  if (even === undefined) return null;
  const [x1, x2] = x.domain;
  const [y1, y2] = even === 'diagonal' ? [x1, x2] : [even, even];
  return html`
<line class="even" x1="${round(x.at(x1))}" y1="${round(y.at(y1))}" x2="${round(x.at(x2))}" y2="${round(y.at(y2))}"/>`;
}

/** Intervals as whiskers, one row each. */
export interface Whisker {
  label: string;
  hue: Hue;
  low: number;
  mean: number;
  high: number;
  /** Written at the right end. */
  text: string;
}

const ROW = 34;

/** Rates from 0 to 1 with their intervals, and a line where both are even. */
export function whiskers(title: string, rows: readonly Whisker[], even = 0.5): Markup {
  const left = 128;
  const right = 56;
  const height = rows.length * ROW + 36;
  const x = (value: number): number => round(left + value * (WIDTH - left - right));
  const bottom = rows.length * ROW + 6;
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">${[
    0, 0.25, 0.5, 0.75, 1,
  ].map(
    (tick) => html`
<line class="${tick === even ? 'even' : 'grid'}" x1="${x(tick)}" x2="${x(tick)}" y1="2" y2="${bottom}"/>
<text x="${x(tick)}" y="${bottom + 17}" text-anchor="middle">${100 * tick} %</text>`,
  )}${rows.map(({ label, hue, low, mean, high, text }, row) => {
    const y = row * ROW + ROW / 2 + 2;
    return html`
<text x="${left - 12}" y="${y + 4}" text-anchor="end">${label}</text>
<g class="${hue}"><path class="line" d="M${x(low)} ${y}H${x(high)}M${x(low)} ${y - 5}V${y + 5}M${x(high)} ${y - 5}V${y + 5}"/>
<circle class="dot" cx="${x(mean)}" cy="${y}" r="5"/><text class="label" x="${WIDTH}" y="${y + 4}" text-anchor="end">${text}</text></g>`;
  })}</svg>`;
}

interface Scale {
  domain: readonly [number, number];
  ticks: number[];
  at(value: number): number;
  format(tick: number): string;
}

/** A linear scale with 3 to 6 round ticks. */
function scaleOf([low, high]: readonly [number, number], from: number, to: number): Scale {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999) ?? power;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + 1e-9 * step; tick++)
    ticks.push(tick * step);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (step / power === 2.5 ? 1 : 0));
  return {
    domain: [low, high],
    ticks,
    at: (value) => from + ((value - low) / (high - low)) * (to - from),
    format: (tick) =>
      high >= 10_000 ? `${tick / 1000}k` : tick.toFixed(Math.min(6, digits)).replace('-', '−'),
  };
}

function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  // One value alone still needs a width.
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

function padded([low, high]: readonly [number, number]): [number, number] {
  const room = 0.06 * (high - low);
  return [low - room, high + room];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
