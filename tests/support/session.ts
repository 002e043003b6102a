import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { z } from 'zod';
import { PASSWORD } from '@/server/scenes/cast.ts';

/**
 * A browser of one person's own, signed in (by the requests of the sign-in page, without drawing it).
 * @param email whose; nobody is signed in when null
 */
export async function openSession(
  browser: Browser,
  address: string,
  email: string | null,
  options: BrowserContextOptions & { password?: string } = {},
): Promise<BrowserContext> {
  const { password = PASSWORD, ...contextOptions } = options;
  const context = await browser.newContext({ baseURL: address, ...contextOptions });
  context.setDefaultTimeout(20_000);
  if (email === null) return context;
  const csrf = await context.request.get('/api/auth/csrf');
  const { csrfToken } = z.object({ csrfToken: z.string() }).parse(await csrf.json());
  await context.request.post('/api/auth/callback/credentials', {
    form: { csrfToken, email, password, json: 'true', callbackUrl: address },
  });
  const cookies = await context.cookies();
  if (!cookies.some(({ name }) => name.includes('session-token'))) {
    await context.close();
    throw new Error(`${email} could not sign in at ${address}.`);
  }
  return context;
}
