import type { ReactNode } from 'react';

interface PageProps {
  title: ReactNode;
  /** A line over the title: where this is. */
  over?: ReactNode;
  /** One sentence under the title. */
  lead?: ReactNode;
  /** Buttons at the right of the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page of the studio: its heading, its actions, its body. */
export function Page({ title, over, lead, actions, children }: PageProps) {
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-col gap-8 px-4 py-8 sm:px-8">
      <header className="flex flex-wrap items-end gap-x-6 gap-y-3">
        <div className="min-w-0 flex-1 basis-80">
          {over !== undefined && <p className="text-12 text-quiet">{over}</p>}
          <h1 className="text-28 font-strong break-words">{title}</h1>
          {lead !== undefined && <div className="mt-1 max-w-prose text-14 text-quiet">{lead}</div>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page, parted from the others by space. */
export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section aria-label={title} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <h2 className="flex-1 text-17 font-strong">{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** Name and value pairs in columns. */
export function Facts({ facts }: { facts: { name: string; value: ReactNode }[] }) {
  return (
    <dl className="grid grid-cols-[repeat(auto-fill,minmax(9rem,1fr))] gap-4">
      {facts.map(({ name, value }) => (
        <div key={name}>
          <dt className="text-12 text-quiet">{name}</dt>
          <dd className="text-14 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
