const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * On Ctrl-C or SIGTERM, stops what this process started and leaves with the shell's code for the signal. A second one
 * leaves at once: what is still running ends with this process.
 */
export function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(CODES[signal]);
      stopping = true;
      console.log('\nStopping: the step in hand is finished and saved (again to leave at once).');
      stop().then(
        () => process.exit(CODES[signal]),
        (error: unknown) => {
          console.error(error instanceof Error ? error.message : error);
          process.exit(1);
        },
      );
    });
  }
}
