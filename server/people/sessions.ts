import { decode } from 'next-auth/jwt';
import { z } from 'zod';

/** Sessions remembered at most; the one that was opened first is forgotten first. */
const MOST = 5000;

const claims = z.object({ sub: z.uuid(), exp: z.number() });

interface Opened {
  userId: string;
  /** Seconds since 1970. */
  expires: number;
}

/**
 * Reads next-auth's session cookies. Opening one derives a key and decrypts, at every request of every labeler; a
 * cookie says the same for as long as it is valid, so what it said is remembered.
 */
export class Sessions {
  readonly #secret: string;
  readonly #most: number;
  readonly #opened = new Map<string, Opened>();

  constructor(secret: string, most = MOST) {
    this.#secret = secret;
    this.#most = most;
  }

  /**
   * Whose session it is; null when it is none of ours, or has run out.
   * @param token the cookie's value
   */
  async userOf(token: string): Promise<string | null> {
    const known = this.#opened.get(token);
    if (known) {
      if (known.expires > Date.now() / 1000) return known.userId;
      this.#opened.delete(token);
      return null;
    }
    // A cookie of another secret, or no cookie of ours at all, cannot be opened: that is nobody's session.
    const opened = claims.safeParse(await decode({ token, secret: this.#secret }).catch(() => null));
    if (!opened.success || opened.data.exp <= Date.now() / 1000) return null;
    const { sub, exp } = opened.data;
    for (const oldest of this.#opened.keys()) {
      if (this.#opened.size < this.#most) break;
      this.#opened.delete(oldest);
    }
    this.#opened.set(token, { userId: sub, expires: exp });
    return sub;
  }
}

/**
 * The value of a cookie that next-auth may have cut into numbered pieces for its length; null when it is not there.
 * @param cookies of the request, in any order
 */
export function wholeCookie(cookies: { name: string; value: string }[], name: string): string | null {
  const whole = cookies.find((cookie) => cookie.name === name);
  if (whole) return whole.value;
  const pieces = cookies.flatMap((cookie) => {
    const number = cookie.name.startsWith(`${name}.`)
      ? Number(cookie.name.slice(name.length + 1))
      : Number.NaN;
    return Number.isInteger(number) ? [{ number, value: cookie.value }] : [];
  });
  if (pieces.length === 0) return null;
  return pieces
    .sort((a, b) => a.number - b.number)
    .map(({ value }) => value)
    .join('');
}
