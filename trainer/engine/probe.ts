import { messageOf } from '../errors.ts';
import { type DeviceName, openDevice } from './device.ts';
import { measureProduct } from './measure-product.ts';

interface ProbeRequest {
  name: DeviceName;
  measure: boolean;
  threads?: number;
  kernelFolder?: string;
}

const request: ProbeRequest = JSON.parse(process.argv[2] ?? '{}');
try {
  const { threads, description, software } = await openDevice(request.name, request);
  const gflops = request.measure ? await measureProduct() : null;
  process.stdout.write(`${JSON.stringify({ threads, description, software: software ?? false, gflops })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ reason: messageOf(error) })}\n`);
}
