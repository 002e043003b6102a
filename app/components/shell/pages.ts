import type { PaletteEntry } from '../ui/palette.tsx';

export type Role = 'contractor' | 'researcher' | 'admin';

interface PageEntry {
  name: string;
  href: string;
  least: Role;
}

const pages: PageEntry[] = [
  { name: 'Work', href: '/work', least: 'contractor' },
  { name: 'History', href: '/work/history', least: 'contractor' },
  { name: 'Statistics', href: '/work/stats', least: 'contractor' },
  { name: 'Rounds', href: '/rounds', least: 'researcher' },
  { name: 'Runs', href: '/runs', least: 'researcher' },
  { name: 'Models', href: '/models', least: 'researcher' },
  { name: 'Datasets', href: '/datasets', least: 'researcher' },
  { name: 'Quality', href: '/quality', least: 'researcher' },
  { name: 'Projects', href: '/projects', least: 'researcher' },
  { name: 'People', href: '/people', least: 'admin' },
];

const order: Role[] = ['contractor', 'researcher', 'admin'];

/** The pages that a role may open, contractors' work first. */
export function pagesFor(role: Role): { work: PageEntry[]; studio: PageEntry[] } {
  const open = pages.filter((page) => order.indexOf(role) >= order.indexOf(page.least));
  return {
    work: open.filter((page) => page.href.startsWith('/work')),
    studio: open.filter((page) => !page.href.startsWith('/work')),
  };
}

/** The same as entries of the palette. */
export function paletteEntries(role: Role): PaletteEntry[] {
  const { work, studio } = pagesFor(role);
  return [{ name: 'Home', href: '/' }, ...studio, ...work].map(({ name, href }) => ({
    kind: 'page',
    name,
    href,
  }));
}
