import { Table } from '../ui/table.tsx';

interface BarFigureProps {
  title: string;
  unit: string;
  bars: { label: string; value: number; kind: 'base' | 'sft' | 'reward' | 'ppo' | 'people' }[];
  format(value: number): string;
}

const fills = {
  base: 'bg-model-base',
  sft: 'bg-model-sft',
  reward: 'bg-model-reward',
  ppo: 'bg-model-ppo',
  people: 'bg-edge',
} as const;

/** Lengths from zero, each named and numbered; the list is itself the table. */
export function BarFigure({ title, unit, bars, format }: BarFigureProps) {
  const longest = Math.max(...bars.map((bar) => bar.value), 0) || 1;
  return (
    <figure className="flex max-w-[40rem] flex-col gap-2">
      <figcaption>
        <h3 className="text-14 font-strong">{title}</h3>
        <p className="text-12 text-quiet">{unit}</p>
      </figcaption>
      <Table
        caption={`${title}, ${unit}`}
        rows={bars}
        rowKey={(bar) => bar.label}
        columns={[
          { head: 'What', cell: (bar) => <span className="whitespace-nowrap">{bar.label}</span> },
          {
            head: 'Length',
            cell: (bar) => (
              <span aria-hidden="true" className="flex h-5 min-w-40 items-center">
                <span
                  className={`h-3 rounded-one ${fills[bar.kind]}`}
                  style={{ width: `${Math.max(0.5, (bar.value / longest) * 100)}%` }}
                />
              </span>
            ),
          },
          { head: 'Value', numeric: true, cell: (bar) => format(bar.value) },
        ]}
      />
    </figure>
  );
}
