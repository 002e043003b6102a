import type { Command } from 'commander';
import type { DeviceListing } from '../engine/device-listing.ts';

/** What we have had no machine for: said where people choose a device. */
const neverRun = [
  'a hardware GPU through WebGPU (only SwiftShader, a program in place of one)',
  'libtensorflow (the tensorflow device: only its loading was tested, on a stand-in)',
  'Arm processors',
  'macOS',
];

/** GFLOP/s in two digits or more: a software GPU makes hundredths of one. */
function rate(gflops: number): string {
  return gflops < 10 ? gflops.toPrecision(2) : gflops.toFixed(1);
}

/** One row a device: its name, what it multiplies, what it is or why it is not there. */
function table(listings: readonly DeviceListing[]): string {
  const rows = listings.map((one) =>
    one.present
      ? [one.name, rate(one.gflops ?? Number.NaN), describe(one)]
      : [one.name, '', `absent: ${one.reason}`],
  );
  const lines = [['device', 'GFLOP/s', 'what it is'], ...rows].map(
    ([name = '', speed = '', what = '']) => `${name.padEnd(12)}${speed.padStart(8)}  ${what}`,
  );
  return lines.join('\n');
}

function describe(one: DeviceListing & { present: true }): string {
  const threads = one.threads > 1 ? `, ${one.threads} threads` : '';
  const notes: Partial<Record<DeviceListing['name'], string>> = {
    webgpu: one.software ? '; used only when asked for by name' : '',
    cpu: '; for tests, used only when asked for by name',
  };
  return `${one.description}${threads}${notes[one.name] ?? ''}`;
}

/** Adds `devices`. */
export function addDevicesCommand(program: Command): void {
  program
    .command('devices')
    .description('lists what can compute here and how fast, and why the rest cannot')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const { choiceOfAuto, listDevices } = await import('../engine/device-listing.ts');
      const listings = await listDevices();
      if (flags.json) {
        process.stdout.write(`${JSON.stringify(listings, null, 2)}\n`);
        return;
      }
      const choice = choiceOfAuto(listings);
      process.stdout.write(
        [
          table(listings),
          '',
          'GFLOP/s: products of float32 matrices up to 1024 × 1024, median of five, the result read back.',
          choice ? `--device auto takes ${choice}.` : 'Nothing here that --device auto would take.',
          ...neverRun.map((what) => `Never run by us: ${what}.`),
          '',
        ].join('\n'),
      );
    });
}
