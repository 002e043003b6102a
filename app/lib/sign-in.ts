import { z } from 'zod';

const csrf = z.object({ csrfToken: z.string() });
const answer = z.object({ url: z.string().nullish() });

async function post(path: string, fields: Record<string, string>): Promise<Response> {
  const { csrfToken } = csrf.parse(await (await fetch('/api/auth/csrf')).json());
  return fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, csrfToken, json: 'true' }),
  });
}

/**
 * Signs in through next-auth's own endpoints; the session cookie is set by the answer.
 * @returns whether address and password were right
 */
export async function signIn(email: string, password: string): Promise<boolean> {
  const response = await post('/api/auth/callback/credentials', { email, password, callbackUrl: '/' });
  const parsed = answer.safeParse(await response.json());
  return response.ok && !(parsed.success && parsed.data.url?.includes('error='));
}

/** Signs out and goes to the sign-in page. */
export async function signOut(): Promise<void> {
  await post('/api/auth/signout', { callbackUrl: '/sign-in' });
  window.location.assign('/sign-in');
}
