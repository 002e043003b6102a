'use client';

import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { useKeys } from '../ui/keys.tsx';
import { pagesFor, type Role } from './pages.ts';

/** The left rail of researchers and admins; a row under the bar on narrow screens. Never on the labeling page. */
export function Rail({ role }: { role: Role }) {
  const path = usePathname();
  const router = useRouter();
  const { studio } = pagesFor(role);
  const pages = [{ name: 'Home', href: '/' }, ...studio, { name: 'Work', href: '/work' }];
  useKeys(
    pages.map(({ name, href }, index) => ({
      keys: `${index + 1}`,
      label: `Go to ${name}`,
      run: () => router.push(href),
    })),
  );
  return (
    <nav
      aria-label="Studio"
      className="flex gap-1 overflow-x-auto border-b px-3 py-2 lg:sticky lg:top-12 lg:h-[calc(100dvh-3rem)] lg:w-44 lg:shrink-0 lg:flex-col lg:overflow-y-auto lg:border-r lg:border-b-0 lg:py-6"
    >
      {pages.map((page) => {
        const here = page.href === '/' ? path === '/' : path.startsWith(page.href);
        return (
          <Link
            key={page.href}
            href={page.href}
            aria-current={here ? 'page' : undefined}
            className="border-b-2 border-transparent -outline-offset-2 px-2 py-1.5 text-14 whitespace-nowrap text-quiet hover:bg-sunken hover:text-ink aria-[current=page]:border-gold lg:border-b-0 lg:border-l-2 lg:px-3 aria-[current=page]:font-strong aria-[current=page]:text-ink"
          >
            {page.name}
          </Link>
        );
      })}
    </nav>
  );
}
