import type { Metadata } from 'next';
import { StatsView } from './stats-view.tsx';

export const metadata: Metadata = { title: 'Statistics' };

export default function StatsPage() {
  return (
    <main id="main">
      <StatsView />
    </main>
  );
}
