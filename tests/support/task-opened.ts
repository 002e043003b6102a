import type { Page } from 'playwright-core';

/**
 * Waits until a task can be worked on by keys: its text is there, and its heading has the focus, which it takes once
 * all the keys of its page are heard.
 */
export async function taskOpened(page: Page, text: string): Promise<void> {
  await page.getByText(text).first().waitFor();
  await page.locator('h1:focus').waitFor();
}
