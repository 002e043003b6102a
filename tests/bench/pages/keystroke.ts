import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { openSession } from '../../support/session.ts';
import { Pending, settled } from '../../support/settled.ts';

const KEYS = 200;

/** Notes, of every key that a text field takes, the milliseconds from its press to the end of the next frame. */
const NOTE_KEYS = `(() => {
  window.keyTimes = [];
  window.addEventListener('keydown', (event) => {
    const pressed = event.timeStamp;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.keyTimes.push(performance.now() - pressed);
      port2.postMessage(null);
    });
  }, { capture: true });
})()`;

/** Types into the middle of what the focused field holds, as a person does: one key, its paint, the next. */
async function typed(page: Page): Promise<number[]> {
  const field = page.locator('textarea').first();
  await field.focus();
  await field.evaluate((element) => {
    if (!(element instanceof HTMLTextAreaElement)) return;
    const middle = Math.floor(element.value.length / 2);
    element.setSelectionRange(middle, middle);
  });
  await page.evaluate(NOTE_KEYS);
  for (let key = 0; key < KEYS; key++) {
    await page.keyboard.press(key % 6 === 5 ? 'Space' : 'a');
    await page.waitForFunction(`window.keyTimes.length > ${key}`);
  }
  return z
    .array(z.number())
    .length(KEYS)
    .parse(await page.evaluate('window.keyTimes'));
}

/** Keys into a long draft on the page where it is written: it is counted and saved meanwhile. */
export async function draftKeystrokes(
  browser: Browser,
  { address, as, path }: { address: string; as: string; path: string },
): Promise<{ times: number[]; text: string }> {
  const context = await openSession(browser, address, as);
  const page = await context.newPage();
  const pending = new Pending(page);
  await page.goto(path);
  await page.locator('main textarea').first().waitFor();
  await settled(page, pending);
  const text = await page.locator('main textarea').first().inputValue();
  const times = await typed(page);
  await context.close();
  return { times, text };
}

/** Keys into a field of the browser's own with the same text: what no page can be quicker than. */
export async function bareKeystrokes(browser: Browser, text: string): Promise<number[]> {
  const page = await browser.newPage();
  await page.setContent('<textarea rows="20" cols="72"></textarea>');
  await page.locator('textarea').fill(text);
  const times = await typed(page);
  await page.close();
  return times;
}
