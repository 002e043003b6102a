'use client';

import { usePathname } from 'next/navigation';
import { type ReactNode, useSyncExternalStore } from 'react';
import { Button } from './button.tsx';

/** What will be here, and the one action that brings it. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-start gap-3 py-10">
      <svg viewBox="0 0 48 20" className="h-5 w-12" aria-hidden="true">
        <rect width="48" height="20" rx="4" className="fill-sunken" />
        <path d="M10 14 38 7" className="stroke-gold" strokeWidth="2" strokeLinecap="round" />
      </svg>
      <h2 className="text-17 font-strong">{title}</h2>
      {children !== undefined && <div className="max-w-prose text-14 text-quiet">{children}</div>}
      {action}
    </div>
  );
}

/** Grey bars where text will be. */
export function Loading({ rows = 4, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div role="status" className="flex flex-col gap-3 py-4">
      <span className="sr-only">{label}</span>
      {Array.from({ length: rows }, (_, row) => 92 - ((row * 17) % 40)).map((width) => (
        <div key={width} className="h-5 rounded-one bg-sunken" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** What happened, what is safe, and what to do. */
export function Failure({ error, onRetry, safe }: { error: unknown; onRetry?: () => void; safe?: string }) {
  const message = error instanceof Error ? error.message : 'Something went wrong.';
  return (
    <div role="alert" className="flex flex-col items-start gap-3 rounded-one border border-red p-4">
      <p className="text-14 break-words">
        <strong>This could not be loaded or done.</strong> {message} {safe}
      </p>
      {onRetry && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch(): unknown;
}

/** The states of a part of a page: loading, failed, or its data. */
export function Loaded<T>({
  query,
  rows = 4,
  children,
}: {
  query: QueryLike<T>;
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading rows={rows} />;
}

/** The same for what is a whole page: it has a heading in every state. */
export function LoadedPage<T>({
  query,
  title,
  children,
}: {
  query: QueryLike<T>;
  /** What the page is of, for its heading while there is no data. */
  title: string;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-col gap-6 px-4 py-8 sm:px-8">
      <h1 className="text-28 font-strong">{title}</h1>
      {query.error ? (
        <Failure error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Loading rows={8} />
      )}
    </div>
  );
}

function subscribe(listener: () => void) {
  window.addEventListener('online', listener);
  window.addEventListener('offline', listener);
  return () => {
    window.removeEventListener('online', listener);
    window.removeEventListener('offline', listener);
  };
}

/** Whether the browser has a connection. */
export function useOnline(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
}

/** A line under the bar while there is no connection. */
export function OfflineLine() {
  const online = useOnline();
  const inWork = usePathname().startsWith('/work');
  if (online) return null;
  return (
    <p role="alert" className="border-b border-red bg-red-wash px-4 py-1 text-center text-12 text-red">
      {inWork
        ? 'No connection. What you type is kept in this browser and saved when the connection returns.'
        : 'No connection. What you see is as it was last; it goes on by itself when the connection returns.'}
    </p>
  );
}
