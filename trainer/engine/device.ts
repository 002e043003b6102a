import { TrainerError } from '../errors.ts';
import { tf } from './tf.ts';

export const deviceNames = ['native', 'wasm', 'cpu'] as const;
export type DeviceName = (typeof deviceNames)[number];

/** The device that runs the tensors. */
export interface Device {
  name: DeviceName;
  /** what it is, for people */
  description: string;
  threads: number;
}

/** Opens a device and makes it tfjs's current backend. */
export async function openDevice(
  name: DeviceName | 'auto',
  _options: { threads?: number } = {},
): Promise<Device> {
  if (name !== 'auto' && name !== 'cpu') throw new TrainerError(`The device "${name}" is not there yet.`);
  await tf.setBackend('cpu');
  await tf.ready();
  return { name: 'cpu', description: 'tfjs in JavaScript', threads: 1 };
}
