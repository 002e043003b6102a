'use client';

import { useCallback, useRef, useState } from 'react';
import { keyName, useKeys } from '../ui/keys.tsx';
import { useNotices } from '../ui/notices.tsx';

/** How long a skip can be taken back. */
const UNDO_SECONDS = 10;
const KEY = 'z';

/**
 * Offers for some seconds to take a skip back, by a message with a button and by a key of the page.
 * @returns call it after a skip, with what brings the task back
 */
export function useSkipUndo(): (bringBack: () => Promise<void>) => void {
  const { notify, announce } = useNotices();
  const [offer, setOffer] = useState<{ run(): void } | null>(null);
  const close = useRef<() => void>(() => undefined);

  useKeys(offer ? [{ keys: KEY, label: 'Undo the skip', run: offer.run }] : []);

  return useCallback(
    (bringBack) => {
      close.current();
      let over = false;
      const run = () => {
        if (over) return;
        over = true;
        close.current();
        bringBack().then(
          () => announce('The task is back.'),
          (error: unknown) =>
            notify({ tone: 'red', text: error instanceof Error ? error.message : 'No answer.' }),
        );
      };
      const offered = { run };
      setOffer(offered);
      close.current = notify({
        text: 'Task skipped.',
        spoken: `Task skipped. ${keyName(KEY)} undoes it, for ${UNDO_SECONDS} seconds.`,
        seconds: UNDO_SECONDS,
        action: { label: 'Undo', shortcut: keyName(KEY), run },
        onClose: () => setOffer((now) => (now === offered ? null : now)),
      });
    },
    [notify, announce],
  );
}
