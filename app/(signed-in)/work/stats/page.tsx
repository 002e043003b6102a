import type { Metadata } from 'next';
import { StandingLine } from '../../../components/work/standing-line.tsx';
import { StatsView } from './stats-view.tsx';

export const metadata: Metadata = { title: 'Statistics' };

export default function StatsPage() {
  return (
    <main id="main">
      <StandingLine />
      <StatsView />
    </main>
  );
}
