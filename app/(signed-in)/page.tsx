import { redirect } from 'next/navigation';
import { Rail } from '../components/shell/rail.tsx';
import { requireUser } from '../lib/session.ts';
import { HomeView } from './home-view.tsx';

export default async function HomePage() {
  const { role } = await requireUser();
  // A contractor's home is the next task.
  if (role === 'contractor') redirect('/work');
  return (
    <div className="lg:flex">
      <Rail role={role} />
      <main id="main" className="min-w-0 flex-1">
        <HomeView />
      </main>
    </div>
  );
}
