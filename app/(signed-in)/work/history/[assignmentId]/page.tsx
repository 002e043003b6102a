import type { Metadata } from 'next';
import { LabelView } from './label-view.tsx';

export const metadata: Metadata = { title: 'Own label' };

export default async function LabelPage({ params }: { params: Promise<{ assignmentId: string }> }) {
  const { assignmentId } = await params;
  return (
    <main id="main">
      <LabelView assignmentId={assignmentId} />
    </main>
  );
}
