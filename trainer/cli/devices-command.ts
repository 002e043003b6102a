import type { Command } from 'commander';

/** Adds `devices`. */
export function addDevicesCommand(program: Command): void {
  program
    .command('devices')
    .description('lists what can compute here, and why the rest cannot')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const { listDevices } = await import('../engine/device.ts');
      const devices = listDevices();
      if (flags.json) {
        process.stdout.write(`${JSON.stringify(devices, null, 2)}\n`);
        return;
      }
      for (const device of devices) {
        const state = device.present ? 'present' : `absent: ${device.reason}`;
        process.stdout.write(`${device.name.padEnd(8)} ${device.description}; ${state}\n`);
      }
    });
}
