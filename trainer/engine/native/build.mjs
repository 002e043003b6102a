// Compiles the native kernels: `node build.mjs [folder]`, run by `npm ci` as the trainer's install script. It never fails the
// install: without a compiler the trainer runs on WebAssembly, and `build/reason.txt` says why.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
// Another folder may be named, for trying a compiler without touching what is in use.
const folder = process.argv[2] ?? join(here, 'build');
const compiler = process.env.CXX?.trim() || 'c++';

/** Runs the compiler; gives its error output when it fails, null when it succeeds. */
function compile(parameters) {
  // CXX may hold a launcher before the compiler ("ccache c++").
  const [program, ...first] = compiler.split(/\s+/);
  return new Promise((resolve) => {
    const child = spawn(program, [...first, ...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) => resolve(error.code === 'ENOENT' ? 'ENOENT' : error.message));
    child.on('close', (code) => resolve(code === 0 ? null : output.trim() || `exit code ${code}`));
  });
}

/** The one line of a compiler's output that says most. */
function mainLine(output) {
  const lines = output.split('\n').map((line) => line.trim());
  return (lines.find((line) => /error/i.test(line)) ?? lines[0] ?? '').slice(0, 300);
}

function fail(reason) {
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'kernels.node'), { force: true });
  rmSync(join(folder, 'kernels.sha256'), { force: true });
  writeFileSync(join(folder, 'reason.txt'), `${reason}\n`);
  console.log(
    `touchstone: native kernels not built: ${reason}. The trainer will run on WebAssembly, many times slower.`,
  );
}

const avx512 = ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mfma', '-mprefer-vector-width=512'];

/** Variants of kernels.cc: its namespace, the bytes of a vector, rows of the register tile, flags. */
function variants() {
  const portable = { name: 'portable', bytes: 16, rows: 6, flags: [] };
  if (process.arch !== 'x64') return [portable];
  return [
    portable,
    { name: 'avx2', bytes: 32, rows: 6, flags: ['-mavx2', '-mfma'] },
    { name: 'avx512', bytes: 64, rows: 14, flags: avx512 },
  ];
}

async function build() {
  let headers;
  try {
    headers = createRequire(import.meta.url)('node-api-headers').include_dir;
  } catch {
    return 'the package node-api-headers is not installed';
  }
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, 'compiling-'));
  try {
    const common = [
      '-O3',
      '-std=c++17',
      '-fPIC',
      '-pthread',
      '-fno-math-errno',
      '-ffp-contract=fast',
      '-fvisibility=hidden',
    ];
    const sources = [
      ...variants().map(({ name, bytes, rows, flags }) => ({
        source: 'kernels.cc',
        object: join(temporary, `${name}.o`),
        flags: [
          `-DVARIANT=${name}`,
          `-DVECTOR_BYTES=${bytes}`,
          `-DTILE_ROWS=${rows}`,
          '-Wno-psabi',
          ...flags,
        ],
      })),
      ...['module', 'decode_module', 'decoder', 'pool', 'sampling', 'products'].map((name) => ({
        source: `${name}.cc`,
        object: join(temporary, `${name}.o`),
        flags: [`-I${headers}`],
      })),
      {
        source: 'bf16.cc',
        object: join(temporary, 'bf16.o'),
        flags: ['-Wno-psabi'],
        // An older compiler does without.
        optional: process.arch === 'x64' ? [...avx512, '-mavx512bf16'] : [],
      },
    ];
    const results = await Promise.all(
      sources.map(async ({ source, object, flags, optional }) => {
        const parameters = [...common, ...flags, '-c', join(here, source), '-o', object];
        const wanted = await compile([...(optional ?? []), ...parameters]);
        return wanted !== null && optional?.length ? compile(parameters) : wanted;
      }),
    );
    const failed = results.find((result) => result !== null);
    if (failed === 'ENOENT')
      return `no C++ compiler found (looked for "${compiler}"; set CXX or install g++ or clang)`;
    if (failed !== undefined) return `compiling failed: ${mainLine(failed)}`;
    const linked = join(temporary, 'kernels.node');
    const shared =
      process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-pthread'];
    const libraries = process.platform === 'linux' ? ['-ldl'] : [];
    const result = await compile([
      ...shared,
      ...sources.map(({ object }) => object),
      ...libraries,
      '-o',
      linked,
    ]);
    if (result !== null) return `linking failed: ${mainLine(result)}`;
    // Loading half a library ends the process, so what is loaded is compared with this first.
    const sum = createHash('sha256').update(readFileSync(linked)).digest('hex');
    rmSync(join(folder, 'kernels.sha256'), { force: true });
    renameSync(linked, join(folder, 'kernels.node'));
    writeFileSync(join(folder, 'kernels.sha256'), `${sum}\n`);
    rmSync(join(folder, 'reason.txt'), { force: true });
    return null;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

const reason = await build().catch((error) => (error instanceof Error ? error.message : String(error)));
if (reason !== null) fail(reason);
