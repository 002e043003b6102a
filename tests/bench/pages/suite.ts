import type { Suite } from '../suite.ts';
import { pageRows } from './rows.ts';

/** The labeling page in Chromium over the built app, and how long the product takes to start. */
export const suite: Suite = { run: pageRows };
