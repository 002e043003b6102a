import { createTRPCClient, httpLink, type TRPCClient } from '@trpc/client';
import superjson from 'superjson';
import { z } from 'zod';
import type { AppRouter } from '../router.ts';

export type Api = TRPCClient<AppRouter>;

/** The cookies of one person's browser. */
class CookieJar {
  readonly #cookies = new Map<string, string>();

  keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      if (at > 0) this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  has(part: string): boolean {
    return [...this.#cookies.keys()].some((name) => name.includes(part));
  }
}

/**
 * Signs a person in as a browser does (next-auth's CSRF token, then the credentials, then the session cookie) and gives
 * the same procedures that the pages call.
 *
 * @throws Error, one sentence, when the credentials are refused
 */
export async function signInOverHttp(address: string, email: string, password: string): Promise<Api> {
  const jar = new CookieJar();
  const csrf = await fetch(`${address}/api/auth/csrf`);
  jar.keep(csrf);
  const { csrfToken } = z.object({ csrfToken: z.string() }).parse(await csrf.json());
  const response = await fetch(`${address}/api/auth/callback/credentials`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: jar.header() },
    body: new URLSearchParams({ csrfToken, email, password, json: 'true', callbackUrl: address }),
  });
  jar.keep(response);
  if (!jar.has('session-token')) {
    throw new Error(`${email} could not sign in at ${address}: answer ${response.status}.`);
  }
  return createTRPCClient<AppRouter>({
    links: [
      httpLink({
        url: `${address}/api/trpc`,
        transformer: superjson,
        headers: () => ({ cookie: jar.header() }),
      }),
    ],
  });
}
