import type { Metadata } from 'next';
import { PersonView } from './person-view.tsx';

export const metadata: Metadata = { title: 'Labeler' };

export default async function LabelerPage({ params }: { params: Promise<{ userId: string }> }) {
  const { userId } = await params;
  return <PersonView key={userId} userId={userId} />;
}
