import Link from 'next/link';
import { SKIP_REASONS } from '@/server/labeling/vocabulary.ts';
import { Chip, StatusChip } from '../../../components/ui/chip.tsx';
import { Verdict } from '../../../components/work/verdict.tsx';
import { dateTime, duration } from '../../../lib/format.ts';
import type { Outputs } from '../../../lib/trpc.ts';

type Item = Outputs['labeling']['history']['items'][number];

const reasons: Record<string, string> = SKIP_REASONS;

/** One piece of own work in the list. Rows out of sight are not laid out: thousands stay as quick as thirty. */
export function HistoryRow({ item }: { item: Item }) {
  return (
    <li className="border-b py-3 [contain-intrinsic-size:auto_7rem] [content-visibility:auto]">
      <Link
        href={`/work/history/${item.assignmentId}`}
        className="flex scroll-my-16 flex-col gap-1 rounded-one px-2 py-1 -outline-offset-2 hover:bg-sunken"
      >
        <span className="flex flex-wrap items-center gap-2 text-12 text-quiet">
          <StatusChip status={item.state} />
          <Chip>{item.kind}</Chip>
          {item.verdict && <Verdict verdict={item.verdict} />}
          {item.frozen && <Chip>frozen</Chip>}
          {item.version !== null && item.version > 1 && <span>version {item.version}</span>}
          <span>{item.projectName}</span>
          <span className="figures">{dateTime(item.endedAt ?? item.handedOutAt)}</span>
          {item.activeSeconds > 0 && <span>{duration(item.activeSeconds)}</span>}
          {item.guidelineVersion !== null && <span>guidelines v{item.guidelineVersion}</span>}
          {item.version === null && item.hasDraft && <span>draft kept</span>}
          {item.skipReason !== null && <span>{reasons[item.skipReason] ?? item.skipReason}</span>}
        </span>
        <span dir="auto" className="line-clamp-2 font-serif text-17 break-words">
          {item.prompt || 'No prompt written yet'}
        </span>
        {item.text !== '' && (
          <span dir="auto" className="line-clamp-2 font-serif break-words text-quiet">
            {item.text}
          </span>
        )}
      </Link>
    </li>
  );
}
