import type { Metadata } from 'next';
import { ReportView } from './report-view.tsx';

export const metadata: Metadata = { title: 'Round report' };

export default async function ReportPage({ params }: { params: Promise<{ roundId: string }> }) {
  return <ReportView roundId={(await params).roundId} />;
}
