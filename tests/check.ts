/** `npm run check`: exits non-zero when a static check finds something. */
import { runChecks } from './checks.ts';

process.exit(runChecks().every((check) => check.ok) ? 0 : 1);
