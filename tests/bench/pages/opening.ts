import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { openSession } from '../../support/session.ts';
import { Pending, settled } from '../../support/settled.ts';

const ROUNDS = 5;

interface PageToOpen {
  address: string;
  /** Who is signed in. */
  as: string;
  path: string;
  /** Selector of what the task is worked on with. */
  ready: string;
}

/** Kept by the page itself: the time from the start of the navigation to the paint in which `ready` is first there. */
const noteReady = (ready: string) => `(() => {
  const look = () => {
    if (!document.querySelector(${JSON.stringify(ready)})) return requestAnimationFrame(look);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { window.readyAfter = performance.now(); };
    requestAnimationFrame(() => port2.postMessage(null));
  };
  look();
})()`;

/** Bytes of all scripts loaded so far, as they were sent. */
const SCRIPT_BYTES = `performance.getEntriesByType('resource')
  .filter(({ name }) => new URL(name).pathname.endsWith('.js'))
  .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`;

/**
 * Opens a page several times, each time with an empty cache; the first time only warms the server.
 *
 * The work is drawn by scripts from what the API answers, so its fields being painted means that they take keys; the
 * last opening types one to make sure.
 * @returns milliseconds and bytes, one of each per opening; `floor`: milliseconds to a static picture of the same server
 */
export async function openings(browser: Browser, { address, as, path, ready }: PageToOpen) {
  const interactive: number[] = [];
  const floor: number[] = [];
  const scriptBytes: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const context = await openSession(browser, address, as);
    try {
      const still = await context.newPage();
      await still.goto('/icon.svg');
      const picture = z
        .number()
        .parse(await still.evaluate('performance.timing.loadEventEnd - performance.timing.navigationStart'));
      await still.close();
      const page = await context.newPage();
      const pending = new Pending(page);
      await page.addInitScript(noteReady(ready));
      await page.goto(path);
      await page.waitForFunction('window.readyAfter !== undefined');
      const time = z.number().parse(await page.evaluate('window.readyAfter'));
      await settled(page, pending);
      const bytes = z.number().parse(await page.evaluate(SCRIPT_BYTES));
      if (round === 0) continue;
      interactive.push(time);
      floor.push(picture);
      scriptBytes.push(bytes);
      if (round === ROUNDS) {
        await page.keyboard.press('?');
        await page.getByRole('dialog').getByText('Keys on this page').waitFor();
      }
    } finally {
      await context.close();
    }
  }
  return { interactive, floor, scriptBytes };
}
