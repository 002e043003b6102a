'use client';

import { useKeyboardScroll } from './use-keyboard-scroll.ts';

/** A config as it is stored. */
export function JsonBlock({ value }: { value: unknown }) {
  const ref = useKeyboardScroll<HTMLPreElement>();
  return (
    <pre ref={ref} className="figures mt-2 overflow-x-auto rounded-one bg-sunken p-4 text-12">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
