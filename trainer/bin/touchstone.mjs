#!/usr/bin/env node
// Lets Node read TypeScript, then hands over. tsx is found from here, so the command works from any folder.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../cli.ts');
await main(process.argv);
