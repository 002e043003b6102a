import type { Metadata } from 'next';
import { requireRole } from '../../../lib/session.ts';
import { PeopleView } from './people-view.tsx';

export const metadata: Metadata = { title: 'People' };

export default async function PeoplePage() {
  const { id } = await requireRole('admin');
  return <PeopleView ownId={id} />;
}
