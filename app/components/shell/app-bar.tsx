'use client';

import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { lazy, Suspense, useState } from 'react';
import { useProject } from '../../lib/project.tsx';
import { Button } from '../ui/button.tsx';
import { Kbd } from '../ui/kbd.tsx';
import { keyName, useKeys } from '../ui/keys.tsx';
import { Menu } from '../ui/menu.tsx';
import { useTheme } from '../ui/theme.tsx';
import { Mark } from './mark.tsx';
import { pagesFor, paletteEntries } from './pages.ts';
import { SavedMark } from './saved.tsx';
import { useUser } from './user.tsx';

const Palette = lazy(() => import('../ui/palette.tsx'));

/** Signs out; what that needs is loaded only then. */
async function leave(): Promise<void> {
  const { signOut } = await import('../../lib/sign-in.ts');
  await signOut();
}

/** The one bar: product, project, find, saved, person. */
export function AppBar() {
  const user = useUser();
  const { project, projects, choose } = useProject();
  const router = useRouter();
  const path = usePathname();
  const [theme, setTheme] = useTheme();
  const [palette, setPalette] = useState<'never' | 'closed' | 'open'>('never');
  const { work, studio } = pagesFor(user.role);
  const isStudio = studio.length > 0;
  const inWork = path.startsWith('/work');

  useKeys([
    { keys: 'Mod+k', label: 'Find a page, project, model, run or dataset', run: () => setPalette('open') },
  ]);

  return (
    <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b bg-surface px-3 sm:px-4">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:left-3 focus:z-50 focus:bg-surface focus:px-2"
      >
        Skip to the page
      </a>
      <Link href="/" className="flex items-center gap-2 font-strong">
        <Mark />
        <span className="max-sm:sr-only">Touchstone</span>
      </Link>
      {projects.length > 1 ? (
        <Menu
          align="start"
          heading="Project"
          label={`${project?.name ?? 'Project'}: choose a project`}
          trigger={
            <>
              <span aria-hidden="true">▸</span>
              <span className="truncate">{project?.name ?? 'Project'}</span>
              <span aria-hidden="true">▾</span>
            </>
          }
          items={projects.map((one) => ({
            label: one.name,
            checked: one.id === project?.id,
            onSelect: () => choose(one.id),
          }))}
        />
      ) : (
        project && (
          <span className="min-w-0 truncate text-12 text-quiet">
            <span aria-hidden="true">▸ </span>
            {project.name}
          </span>
        )
      )}
      {(inWork || !isStudio) && (
        <nav aria-label="Work" className="ml-2 flex gap-1">
          {work.map((page) => (
            <Link
              key={page.href}
              href={page.href}
              aria-current={path === page.href ? 'page' : undefined}
              className="rounded-one px-2 py-1 text-12 text-quiet hover:bg-sunken hover:text-ink aria-[current=page]:font-strong aria-[current=page]:text-ink"
            >
              {page.name}
            </Link>
          ))}
        </nav>
      )}
      <div className="flex-1" />
      <SavedMark />
      <Button tone="quiet" small onClick={() => setPalette('open')}>
        <span className="max-md:sr-only">Find</span>
        <Kbd>{keyName('Mod+K')}</Kbd>
      </Button>
      <Menu
        heading={`${user.email} · ${user.role}`}
        label={`${user.name}: account and theme`}
        trigger={
          <>
            <span className="max-w-36 truncate">{user.name}</span>
            <span aria-hidden="true">▾</span>
          </>
        }
        items={[
          ...(['light', 'dark', 'system'] as const).map((choice) => ({
            label: choice === 'system' ? 'Theme: as the machine' : `Theme: ${choice}`,
            checked: theme === choice,
            onSelect: () => setTheme(choice),
          })),
          ...(isStudio && !inWork ? [{ label: 'Go to work', onSelect: () => router.push('/work') }] : []),
          { label: 'Sign out', onSelect: () => void leave() },
        ]}
      />
      {palette !== 'never' && (
        <Suspense>
          <Palette
            open={palette === 'open'}
            onOpenChange={(open) => setPalette(open ? 'open' : 'closed')}
            pages={paletteEntries(user.role)}
            studio={isStudio}
          />
        </Suspense>
      )}
    </header>
  );
}
