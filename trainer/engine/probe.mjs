// A process for one device, so that a driver that crashes takes nothing else with it. Reads TypeScript, then hands over.
import { register } from 'tsx/esm/api';

register();
await import('./probe.ts');
