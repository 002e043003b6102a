import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Device, DeviceName } from '../engine/device.ts';
import { messageOf, TrainerError } from '../errors.ts';

// Spelt out here, as importing the engine for its list would load tfjs for every command, --help included.
const deviceChoices: Record<DeviceName | 'auto', true> = {
  auto: true,
  webgpu: true,
  native: true,
  tensorflow: true,
  wasm: true,
  cpu: true,
};

/** What the flags that every tensor command has give. */
export interface DeviceFlags {
  device: DeviceName | 'auto';
  threads?: number;
}

/** Adds `--device` and `--threads`. */
export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--device <name>', 'what computes; auto takes the first that is there')
        .choices(Object.keys(deviceChoices))
        .default('auto'),
    )
    .addOption(
      new Option('--threads <number>', 'threads of the native device; default: one a core').argParser(
        parsePositive,
      ),
    );
}

/** Opens the device that the flags name. */
export async function openFlaggedDevice({ device, threads }: DeviceFlags): Promise<Device> {
  const { openDevice } = await import('../engine/device.ts');
  return openDevice(device, threads === undefined ? {} : { threads });
}

/** A whole number from 1 up. */
export function parsePositive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected a whole number from 1 up.');
  return value;
}

/** Any finite number. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number.');
  return value;
}

/** A number from 0 to 1. */
export function parseFraction(text: string): number {
  const value = parseNumber(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError('expected a number from 0 to 1.');
  return value;
}

/** Collects a flag that may be given several times. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** Reads a JSON file. @throws TrainerError that names the file */
export function readJsonFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TrainerError(`Cannot read ${file} (${messageOf(cause)}).`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TrainerError(`${file} is not JSON (${messageOf(cause)}): expected one object.`, { cause });
  }
}
