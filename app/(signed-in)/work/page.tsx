import type { Metadata } from 'next';
import { StandingLine } from '../../components/work/standing-line.tsx';
import { WorkView } from '../../components/work/work-view.tsx';

export const metadata: Metadata = { title: 'Work' };

export default function WorkPage() {
  return (
    <main id="main" className="flex min-h-[calc(100dvh-3rem)] flex-col">
      <StandingLine warningsOnly />
      <WorkView />
    </main>
  );
}
