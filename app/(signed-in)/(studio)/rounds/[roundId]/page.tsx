import type { Metadata } from 'next';
import { RoundView } from './round-view.tsx';

export const metadata: Metadata = { title: 'Round' };

export default async function RoundPage({ params }: { params: Promise<{ roundId: string }> }) {
  const { roundId } = await params;
  return <RoundView key={roundId} roundId={roundId} />;
}
