interface SmallIntervalProps {
  mean: number;
  low: number;
  high: number;
  /** The ends of the axis, the same for the whole column. */
  range: [number, number];
  /** What it is held against: a tick. */
  reference?: number | undefined;
}

const WIDTH = 96;
const HEIGHT = 16;

/** A mean with its 95 % interval in the height of a line, beside its number. */
export function SmallInterval({ mean, low, high, range: [from, to], reference }: SmallIntervalProps) {
  const x = (value: number) =>
    4 + ((Math.min(to, Math.max(from, value)) - from) / (to - from || 1)) * (WIDTH - 8);
  const middle = HEIGHT / 2;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="h-4 w-24 shrink-0" aria-hidden="true">
      <line x1={4} x2={WIDTH - 4} y1={middle} y2={middle} className="stroke-line" />
      {reference !== undefined && (
        <line x1={x(reference)} x2={x(reference)} y1={1} y2={HEIGHT - 1} className="stroke-edge" />
      )}
      <line x1={x(low)} x2={x(high)} y1={middle} y2={middle} className="stroke-ink" strokeWidth={2} />
      <circle cx={x(mean)} cy={middle} r={3.5} className="fill-ink" />
    </svg>
  );
}
