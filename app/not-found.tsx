import Link from 'next/link';
import { buttonClass } from './components/ui/button.tsx';

export default function NotFound() {
  return (
    <main className="mx-auto flex max-w-prose flex-col items-start gap-4 px-6 py-24">
      <h1 className="text-28 font-strong">There is no such page</h1>
      <p className="text-quiet">
        The address may be mistyped, or what it named may belong to another project.
      </p>
      <Link href="/" className={buttonClass('primary')}>
        Go home
      </Link>
    </main>
  );
}
