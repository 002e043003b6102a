import type { Metadata } from 'next';
import { WorkView } from '../../components/work/work-view.tsx';

export const metadata: Metadata = { title: 'Work' };

export default function WorkPage() {
  return (
    <main id="main" className="flex min-h-[calc(100dvh-3rem)] flex-col">
      <WorkView />
    </main>
  );
}
