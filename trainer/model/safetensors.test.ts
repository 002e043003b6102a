import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { narrow, type StoredType, widen } from './element-types.ts';
import {
  readSafetensors,
  SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
  writeTensors,
} from './safetensors.ts';
import { Weights, writeWeights } from './weights.ts';

const root = mkdtempSync(join(tmpdir(), 'touchstone-safetensors-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** float32 of these bits: every value, subnormals, infinities and NaNs of any payload among them. */
const anyFloats = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.constantFrom(
        0x7fa00001,
        0xffc12345,
        0x33000000,
        0x33000001,
        0x387fc000,
        0x3f801000,
        0x3f803000,
        0x80000000,
      ),
    ),
    { maxLength: 40 },
  )
  .map((bits) => new Float32Array(Uint32Array.from(bits).buffer));

const bitsOf = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

function widened(bytes: Uint8Array, type: StoredType): Float32Array {
  const values = new Float32Array(bytes.length / 2);
  widen(bytes, type, values);
  return values;
}

/** The float nearest to a value among all that the type has, by going through them; the even one on a tie. */
function nearest(value: number, all: readonly { value: number; bits: number }[]): number {
  let low = 0;
  let high = all.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.value ?? 0) <= value) low = middle;
    else high = middle;
  }
  const [a, b] = [all[low], all[high]];
  if (!a || !b) return Number.NaN;
  const [toA, toB] = [value - a.value, b.value - value];
  if (toA === toB) return a.bits % 2 === 0 ? a.value : b.value;
  return toA < toB ? a.value : b.value;
}

/** Every value from 0 up that 15 bits stand for, and where rounding would go on to after the largest. */
function valuesOf(type: StoredType, beyond: number): { value: number; bits: number }[] {
  const infinity = type === 'F16' ? 0x7c00 : 0x7f80;
  const half = Uint16Array.from({ length: infinity }, (_, bits) => bits);
  const values = widened(new Uint8Array(half.buffer), type);
  return [...Array.from(values, (value, bits) => ({ value, bits })), { value: beyond, bits: infinity }];
}

describe('bf16 and f16', () => {
  it.each([
    ['F16', 2 ** 16, 65504],
    ['BF16', 2 ** 128, 3.3895313892515355e38],
  ] as const)(
    '%s rounds to the nearest value, ties to even, subnormals too; beyond the range it says where',
    (type, beyond, largest) => {
      const all = valuesOf(type, beyond);
      expect(all.at(-2)?.value).toBe(largest);
      fc.assert(
        fc.property(anyFloats, (values) => {
          const { bytes, overflow } = narrow(values, type);
          const back = widened(bytes, type);
          let first = -1;
          for (const [i, value] of values.entries()) {
            if (Number.isNaN(value)) {
              expect(back[i]).toBeNaN();
              continue;
            }
            const expected = Number.isFinite(value)
              ? nearest(Math.abs(value), all)
              : Number.POSITIVE_INFINITY;
            if (Number.isFinite(value) && expected === beyond && first < 0) first = i;
            const sign = Object.is(Math.sign(value), -0) || value < 0 ? -1 : 1;
            expect(back[i]).toBe(sign * (expected === beyond ? Number.POSITIVE_INFINITY : expected));
          }
          expect(overflow).toBe(first);
        }),
        { numRuns: 1000 },
      );
    },
  );

  it.each(['F16', 'BF16'] as const)(
    '%s: each of its 65,536 patterns widens and narrows to itself, NaN payloads too',
    (type) => {
      const all = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer);
      const values = widened(all, type);
      const back = new Uint16Array(narrow(values, type).bytes.slice().buffer);
      const quiet = type === 'F16' ? 0x200 : 0x40;
      const isNaNPattern = (bits: number) => (bits & 0x7fff) > (type === 'F16' ? 0x7c00 : 0x7f80);
      for (let bits = 0; bits < 65536; bits++) {
        const expected = isNaNPattern(bits) ? bits | quiet : bits;
        if (back[bits] !== expected) expect([bits, back[bits]]).toEqual([bits, expected]);
      }
    },
  );
});

describe('safetensors', () => {
  it('reads F32, F16 and BF16, at any alignment', () => {
    const file = join(root, 'mixed.safetensors');
    const header = JSON.stringify({
      half: { dtype: 'F16', shape: [6], data_offsets: [0, 12] },
      brain: { dtype: 'BF16', shape: [3], data_offsets: [12, 18] },
      single: { dtype: 'F32', shape: [1, 2], data_offsets: [18, 26] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const data = Buffer.alloc(26);
    // 1, -2, the smallest subnormal, 65504, -infinity, 0.333251953125
    for (const [i, bits] of [0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x3555].entries())
      data.writeUInt16LE(bits, 2 * i);
    for (const [i, bits] of [0x3f80, 0xc049, 0x0000].entries()) data.writeUInt16LE(bits, 12 + 2 * i);
    data.writeFloatLE(1.5, 18);
    data.writeFloatLE(-7.25, 22);
    writeFileSync(file, Buffer.concat([length, Buffer.from(header), data]));
    const tensors = readSafetensors(file);
    expect([...(tensors.get('half')?.data ?? [])]).toEqual([
      1,
      -2,
      2 ** -24,
      65504,
      Number.NEGATIVE_INFINITY,
      0.333251953125,
    ]);
    expect([...(tensors.get('brain')?.data ?? [])]).toEqual([1, -3.140625, 0]);
    expect(tensors.get('single')).toEqual({ shape: [1, 2], data: Float32Array.of(1.5, -7.25) });
  });

  it('writes a header padded to 8 bytes, and names what is damaged', () => {
    const file = join(root, 'written.safetensors');
    writeSafetensors(file, new Map([['ü', { shape: [3], data: Float32Array.of(1, Number.NaN, -0) }]]));
    const bytes = readFileSync(file);
    expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
    expect(readSafetensors(file).get('ü')?.data).toEqual(Float32Array.of(1, Number.NaN, -0));
    const broken = (content: Buffer) => () => {
      writeFileSync(file, content);
      readSafetensors(file);
    };
    expect(broken(bytes.subarray(0, 5))).toThrow('it has 5 bytes');
    expect(broken(bytes.subarray(0, 40))).toThrow('it announces a header of');
    expect(broken(bytes.subarray(0, bytes.length - 4))).toThrow('the tensor ü ends at byte 12 of 8');
    expect(broken(Buffer.from(bytes.toString('latin1').replace('F32', 'I64'), 'latin1'))).toThrow(
      'the tensor ü is of type I64: expected F32, F16 or BF16',
    );
    expect(() =>
      writeSafetensors(file, new Map([['x', { shape: [2, 2], data: new Float32Array(3) }]])),
    ).toThrow('the tensor x of shape [2, 2] has 3 values: expected 4');
  });

  it('round-trips any float32 bit for bit, and the other types as rounded, whatever names and shapes', async () => {
    const file = join(root, 'any.safetensors');
    const tensors = fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), anyFloats, {
      maxKeys: 6,
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(tensors, fc.constantFrom<StoredType>('F32', 'BF16', 'F16'), async (values, type) => {
        const entries = Object.entries(values).filter(([name]) => name !== '__metadata__');
        const safe = entries.map(([name, data]): [string, Float32Array] => [
          name,
          type === 'F32' ? data : data.map((value) => (Math.abs(value) > 60000 ? 1 : value)),
        ]);
        await writeTensors(
          file,
          new Map(safe.map(([name, data]) => [name, { shape: [1, data.length], values: () => data }])),
          type,
        );
        const read = readSafetensors(file);
        expect([...read.keys()].sort()).toEqual(safe.map(([name]) => name).sort());
        for (const [name, data] of safe) {
          const rounded = type === 'F32' ? data : widened(narrow(data, type).bytes, type);
          expect(bitsOf(read.get(name)?.data ?? new Float32Array())).toEqual(bitsOf(rounded));
          expect(read.get(name)?.shape).toEqual([1, data.length]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('names the tensor and the value that is too large for the type', async () => {
    const tensors = new Map([['w', { shape: [2], values: () => Float32Array.of(1, -70000) }]]);
    await expect(writeTensors(join(root, 'large'), tensors, 'F16')).rejects.toThrow(
      'the tensor w holds -70000 (element 1), which is too large for F16',
    );
    await writeTensors(join(root, 'large'), tensors, 'BF16');
    expect(readSafetensors(join(root, 'large')).get('w')?.data[1]).toBe(-70144);
  });

  it('reads tensor by tensor: memory beside the values stays at a few megabytes', () => {
    const file = join(root, 'big.safetensors');
    const size = 6_000_000;
    const data = new Float32Array(size).fill(0.5);
    data[size - 1] = -2;
    writeSafetensors(
      file,
      new Map([
        ['a', { shape: [size], data }],
        ['b', { shape: [2], data: Float32Array.of(3, 4) }],
      ]),
    );
    const open = new SafetensorsFile(file);
    const before = process.memoryUsage().arrayBuffers;
    expect([...open.read('b').data]).toEqual([3, 4]);
    const read = open.read('a');
    const taken = process.memoryUsage().arrayBuffers - before;
    open.close();
    expect(read.data[size - 1]).toBe(-2);
    expect(taken).toBeLessThan(4 * size + 10_000_000);
  });

  it('refuses tensors that overlap, and takes a header of a megabyte', () => {
    const file = join(root, 'header.safetensors');
    const write = (header: object, bytes: number) => {
      const json = Buffer.from(JSON.stringify(header));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(json.length));
      writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(bytes)]));
    };
    write(
      {
        a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
        b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
      },
      12,
    );
    expect(() => readSafetensors(file)).toThrow('the tensors a and b overlap');
    const many = Object.fromEntries(
      Array.from({ length: 15_000 }, (_, i) => [
        `layer.${i}.weight`,
        { dtype: 'BF16', shape: [1], data_offsets: [2 * i, 2 * i + 2] },
      ]),
    );
    write(many, 30_000);
    expect(readSafetensors(file).size).toBe(15_000);
  });
});

describe('sharded weights', () => {
  const tensors = new Map<string, StoredTensor>(
    ['wte', 'a', 'b', 'huge', 'c'].map((name, i) => {
      const data = Float32Array.from({ length: name === 'huge' ? 100 : 10 }, (_, j) => i + j / 8);
      return [name, { shape: [data.length], data }];
    }),
  );
  const sources = new Map(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, values: () => data }]),
  );
  const make = async (shardBytes: number, type: 'float32' | 'bf16' = 'float32') => {
    const folder = mkdtempSync(join(root, 'shards-'));
    await writeWeights(folder, sources, type, shardBytes);
    return folder;
  };
  const reading = (folder: string) => {
    const weights = new Weights(folder);
    try {
      return new Map(weights.names.map((name) => [name, weights.read(name)]));
    } finally {
      weights.close();
    }
  };

  it('are cut where the next tensor would not fit, one that is larger alone, and indexed as transformers does', async () => {
    const folder = await make(80);
    expect(readdirSync(folder).sort()).toEqual([
      'model-00001-of-00004.safetensors',
      'model-00002-of-00004.safetensors',
      'model-00003-of-00004.safetensors',
      'model-00004-of-00004.safetensors',
      'model.safetensors.index.json',
    ]);
    expect(JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8'))).toEqual({
      metadata: { total_size: 4 * 140 },
      weight_map: {
        wte: 'model-00001-of-00004.safetensors',
        a: 'model-00001-of-00004.safetensors',
        b: 'model-00002-of-00004.safetensors',
        huge: 'model-00003-of-00004.safetensors',
        c: 'model-00004-of-00004.safetensors',
      },
    });
    expect(reading(folder)).toEqual(tensors);
    expect(readdirSync(await make(560))).toEqual(['model.safetensors']);
    // Two bytes a value: a shard holds twice as many.
    expect(readdirSync(await make(60, 'bf16'))).toHaveLength(4);
  });

  it('that are not whole are refused in one sentence: a missing shard, a tensor in no shard, one that the index does not name', async () => {
    const folder = await make(80);
    const index = join(folder, 'model.safetensors.index.json');
    const original = JSON.parse(readFileSync(index, 'utf8'));
    const withMap = (change: Record<string, string | undefined>) => {
      writeFileSync(
        index,
        JSON.stringify({ ...original, weight_map: { ...original.weight_map, ...change } }),
      );
      return () => new Weights(folder);
    };
    expect(withMap({ a: 'model-00004-of-00004.safetensors' })).toThrow(
      'the tensor a is not in model-00004-of-00004.safetensors, where model.safetensors.index.json says that it is',
    );
    expect(withMap({ z: 'model-00001-of-00004.safetensors' })).toThrow(
      'the tensor z is not in model-00001-of-00004',
    );
    expect(withMap({ b: undefined, wte: undefined })).toThrow(
      'model-00001-of-00004.safetensors holds the tensor wte, which model.safetensors.index.json does not name',
    );
    expect(withMap({ a: '../../model.safetensors' })).toThrow('expected the name of a file beside it');
    expect(withMap({ a: 'other.safetensors' })).toThrow(
      'the shard other.safetensors, which model.safetensors.index.json names for the tensor a, is missing',
    );
    withMap({});
    unlinkSync(join(folder, 'model-00003-of-00004.safetensors'));
    expect(() => new Weights(folder)).toThrow('the shard model-00003-of-00004.safetensors');
    writeFileSync(index, '{"weight_map": 3}');
    expect(() => new Weights(folder)).toThrow('expected a weight_map of tensor names to files');
    expect(() => new Weights(mkdtempSync(join(root, 'none-')))).toThrow(
      'holds no weights: expected model.safetensors in it, or model.safetensors.index.json',
    );
  });
});
