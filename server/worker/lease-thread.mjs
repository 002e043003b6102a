// A worker thread does not inherit the loader of its process: this registers it, then loads the thread's program.
import { register } from 'tsx/esm/api';

register();
await import('./lease-thread.ts');
