import type { Metadata } from 'next';
import { RoundsView } from './rounds-view.tsx';

export const metadata: Metadata = { title: 'Rounds' };

export default function RoundsPage() {
  return <RoundsView />;
}
