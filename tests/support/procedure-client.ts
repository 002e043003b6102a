import { Agent, request } from 'node:http';
import { z } from 'zod';

const ANSWER_MILLISECONDS = 30_000;

// superjson's envelope: plain JSON under `json`. Moments are left as text.
const answered = z.object({ result: z.object({ data: z.object({ json: z.unknown() }) }) });
const refused = z.object({
  error: z.object({ json: z.object({ message: z.string(), data: z.object({ appCode: z.string() }) }) }),
});

/** What became of a request, as the one who sent it can know it. */
export type Outcome =
  | { kind: 'answered'; value: unknown }
  /** The server said no, and why. */
  | { kind: 'refused'; status: number; code: string; message: string }
  /** No answer came, or none that can be read: whether the server did it is unknown. */
  | { kind: 'lost'; why: string };

/** Calls the tRPC mutations of a running web app as one signed-in person, over connections that are kept. */
export class ProcedureClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });
  readonly #cookie: string;

  constructor(cookie: string) {
    this.#cookie = cookie;
  }

  /**
   * @param address of the web app, such as http://localhost:3000
   * @param path such as labeling.next
   */
  async call(address: string, path: string, input: unknown): Promise<Outcome> {
    const body = JSON.stringify({ json: input });
    try {
      const { status, text } = await this.#post(new URL(`/api/trpc/${path}`, address), body);
      const parsed: unknown = JSON.parse(text);
      if (status === 200) {
        return { kind: 'answered', value: answered.parse(parsed).result.data.json };
      }
      const { message, data } = refused.parse(parsed).error.json;
      return { kind: 'refused', status, code: data.appCode, message };
    } catch (error) {
      return { kind: 'lost', why: error instanceof Error ? error.message : String(error) };
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(url: URL, body: string): Promise<{ status: number; text: string }> {
    return new Promise((done, fail) => {
      const sent = request(
        url,
        {
          method: 'POST',
          agent: this.#agent,
          timeout: ANSWER_MILLISECONDS,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            cookie: this.#cookie,
          },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', fail);
          response.on('aborted', () => fail(new Error('The answer was cut off.')));
          response.on('end', () =>
            done({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
          );
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`No answer within ${ANSWER_MILLISECONDS / 1000} s.`)));
      sent.on('error', fail);
      sent.end(body);
    });
  }
}
