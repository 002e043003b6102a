'use client';

import { lazy, Suspense, useState } from 'react';
import { useSaved } from '../shell/saved.tsx';
import { Button } from '../ui/button.tsx';
import { useKeys } from '../ui/keys.tsx';
import { useOnline } from '../ui/states.tsx';

const SignInAgain = lazy(() => import('./sign-in-again.tsx'));

const WORDS: Partial<Record<ReturnType<typeof useSaved>['state'], string>> = {
  offline:
    'The server does not answer. What you type is kept in this browser and saved by itself when it does.',
  failed: 'The server could not save. What you type is kept in this browser, and it tries again by itself.',
  'signed-out': 'You are signed out. What you type is kept in this browser; sign in and it is saved.',
  unkept:
    'Neither the server nor this browser could keep what you typed: its storage is full or forbidden. Do not close this page; it tries again by itself.',
};

/** Says plainly, above the actions, why what is typed is not on the server, where it is, and what to do. */
export function DraftTrouble({ onSignedIn }: { onSignedIn(): void }) {
  const { state } = useSaved();
  const [signingIn, setSigningIn] = useState(false);
  // Without any connection the line under the bar says it.
  const online = useOnline();
  const words = state === 'offline' && !online ? undefined : WORDS[state];
  if (words === undefined && !signingIn) return null;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      {words !== undefined && (
        <p role="alert" className="min-w-0 flex-1 basis-72 text-12 text-red">
          {words}
        </p>
      )}
      {state === 'signed-out' && <SignInButton onClick={() => setSigningIn(true)} />}
      {signingIn && (
        <Suspense>
          <SignInAgain
            onClose={() => setSigningIn(false)}
            onSignedIn={() => {
              setSigningIn(false);
              onSignedIn();
            }}
          />
        </Suspense>
      )}
    </div>
  );
}

function SignInButton({ onClick }: { onClick(): void }) {
  useKeys([{ keys: 'Mod+i', label: 'Sign in again', run: onClick }]);
  return (
    <Button small onClick={onClick}>
      Sign in again
    </Button>
  );
}
