/** How far something is, with its count beside it. */
export function Progress({
  value,
  total,
  label,
  unit,
  tone = 'plain',
}: {
  value: number;
  /** Null when it is not known yet. */
  total: number | null;
  /** What is counted, for screen readers. */
  label: string;
  /** Shown after the count, for example "rankings". */
  unit?: string;
  /** `green` once it is done. */
  tone?: 'plain' | 'green';
}) {
  const share = total && total > 0 ? Math.min(1, value / total) : 0;
  const count = `${value.toLocaleString('en')}${total === null ? '' : ` of ${total.toLocaleString('en')}`}${unit ? ` ${unit}` : ''}`;
  return (
    <div className="flex items-center gap-3">
      <div
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total ?? 100}
        aria-valuenow={total === null ? undefined : Math.min(value, total)}
        aria-valuetext={count}
        className="h-1.5 min-w-16 flex-1 overflow-hidden rounded-one bg-sunken outline outline-line"
      >
        <div
          className={`h-full transition-[width] duration-150 ${tone === 'green' ? 'bg-green' : 'bg-quiet'}`}
          style={{ width: `${share * 100}%` }}
        />
      </div>
      <span className="figures text-12 whitespace-nowrap text-quiet">{count}</span>
    </div>
  );
}
