import { type DeviceName, deviceNames } from './device.ts';
import { type ProbedDevice, probeDevice } from './probe-device.ts';

/** A device as `listDevices` tells of it; `reason` says why one is not there. */
export type DeviceListing = { name: DeviceName } & (
  | ({ present: true } & ProbedDevice)
  | { present: false; reason: string }
);

/**
 * Opens every device, each in a process of its own, and measures how fast it multiplies.
 * @param kernelFolder where the compiled kernels are; the engine's own folder if left out
 */
export async function listDevices(options: { kernelFolder?: string } = {}): Promise<DeviceListing[]> {
  const listings: DeviceListing[] = [];
  // One after the other: side by side they would slow each other.
  for (const name of deviceNames) {
    const probed = await probeDevice(name, { ...options, measure: true });
    listings.push(
      'reason' in probed
        ? { name, present: false, reason: probed.reason }
        : { name, present: true, ...probed },
    );
  }
  return listings;
}

/** The device that `auto` takes, of those listed. */
export function choiceOfAuto(listings: readonly DeviceListing[]): DeviceName | null {
  const taken = listings.find((one) => one.present && !one.software && one.name !== 'cpu');
  return taken?.name ?? null;
}
