import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where the system's Chromium is; CHROMIUM_PATH names another one. */
export const chromiumPath = process.env.CHROMIUM_PATH || '/usr/bin/chromium';

/** Whether this machine has the browser that the end-to-end tests drive. */
export const hasChromium = existsSync(chromiumPath);

/**
 * Chromium without a window. Nothing it does by itself reaches for the network.
 * @param more further switches of its command line
 */
export function launchChromium(more: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });
}
