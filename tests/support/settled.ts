import type { Page } from 'playwright-core';

/** Requests that a page waits for; event streams, which never end, are none of them. */
export class Pending {
  readonly #open = new Set<unknown>();

  constructor(page: Page) {
    page.on('request', (request) => {
      if (!['eventsource', 'websocket'].includes(request.resourceType())) this.#open.add(request);
    });
    page.on('requestfinished', (request) => this.#open.delete(request));
    page.on('requestfailed', (request) => this.#open.delete(request));
    page.on('response', (response) => {
      // A subscription is read by fetch: its answer has begun, and that is all there is to wait for.
      if (response.headers()['content-type']?.includes('event-stream')) this.#open.delete(response.request());
    });
  }

  get count(): number {
    return this.#open.size;
  }
}

const IS_DRAWN = `(() => {
  const still = document.getAnimations().every((animation) =>
    animation.playState !== 'running' || animation.effect?.getComputedTiming().endTime === Infinity);
  const drawn = [...document.querySelectorAll('canvas')].every((canvas) => {
    const { width, height } = canvas;
    if (width === 0 || height === 0) return false;
    const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    return pixels.some((value) => value !== 0);
  });
  return still && drawn && document.fonts.status === 'loaded' && document.querySelector('main [role=status] .bg-sunken') === null;
})()`;

/** Waits until a page stands still: nothing is being fetched, fonts are there, charts are drawn, nothing moves. */
export async function settled(page: Page, pending: Pending): Promise<void> {
  let calm = 0;
  for (const end = Date.now() + 45_000; Date.now() < end; ) {
    // Two looks in a row, two frames apart: what one answer asks for next has begun by then.
    const drawn = await page.evaluate(IS_DRAWN);
    calm = drawn === true && pending.count === 0 ? calm + 1 : 0;
    if (calm === 3) return;
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  }
  throw new Error(`The page ${page.url()} did not come to rest: ${pending.count} requests are open.`);
}
