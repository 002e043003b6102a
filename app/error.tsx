'use client';

import { Button } from './components/ui/button.tsx';

export default function PageError({ reset }: { error: Error; reset: () => void }) {
  return (
    <main className="mx-auto flex max-w-prose flex-col items-start gap-4 px-6 py-24">
      <h1 className="text-28 font-strong">This page failed</h1>
      <p className="text-quiet">
        What you saved is safe on the server. Try again; if it fails again, tell an admin what you did.
      </p>
      <Button tone="primary" onClick={reset}>
        Try again
      </Button>
    </main>
  );
}
