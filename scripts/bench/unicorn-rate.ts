/** How fast Unicorn runs a stretch of early boot from C, with hooks on every instruction and memory access and without. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StretchEnd } from './stretch-model.ts';
import { encodeStretch, type Runs } from './unicorn/stretch-file.ts';
import type { Stretch } from './unicorn/stretch.ts';

const SOURCES = ['early-boot.c', 'stretch.c'].map((name) => join(import.meta.dirname, 'unicorn', name));
const FLAGS = ['-std=c11', '-D_DEFAULT_SOURCE', '-Wall', '-Wextra', '-Werror', '-O2'];
const TIMEOUT_MS = 120_000;

/** Of one kind of runs. */
export interface UnicornRuns {
  /** Of one run: the median. */
  readonly seconds: number;
  /** Calls of the instruction hook: each iteration of a repeated string instruction is one. 0 without hooks. */
  readonly instructions: number;
  /** Calls of the memory hook. */
  readonly accesses: number;
  /** Of both those that touched where the image was linked. */
  readonly watched: number;
  readonly end: StretchEnd;
}

export type UnicornRate =
  | { readonly kind: 'unavailable'; readonly reason: string }
  | {
      readonly kind: 'measured';
      /** e.g. `2.0` */
      readonly version: string;
      readonly hooked: UnicornRuns;
      readonly bare: UnicornRuns;
    };

/** Programs, by name or path. */
export interface Tools {
  readonly compiler: string;
  readonly pkgConfig: string;
}

const TOOLS: Tools = { compiler: 'cc', pkgConfig: 'pkg-config' };

/** The C program does not compile, or does not get to the stretch's end. */
export class UnicornError extends Error {
  override readonly name = 'UnicornError';
}

/**
 * Compiles the C program into a folder that is gone afterwards, and runs it.
 * @throws UnicornError where Unicorn and a compiler are there, and yet it fails
 */
export async function unicornRate(stretch: Stretch, runs: Runs, tools: Tools = TOOLS): Promise<UnicornRate> {
  const flags = await call(tools.pkgConfig, ['--cflags', '--libs', 'unicorn']);
  if (flags.kind !== 'done')
    return unavailable(
      `Unicorn for C was not found (${flags.why}); apt-get install libunicorn-dev pkg-config`,
    );
  const folder = await mkdtemp(join(tmpdir(), 'loadbase-unicorn-'));
  try {
    const [program, file] = [join(folder, 'early-boot'), join(folder, 'stretch')];
    const libraries = flags.output.split(/\s+/).filter((each) => each !== '');
    const compiled = await call(tools.compiler, [...FLAGS, ...SOURCES, '-o', program, ...libraries]);
    if (compiled.kind === 'missing')
      return unavailable(`there is no C compiler (${compiled.why}); apt-get install gcc libc6-dev`);
    if (compiled.kind === 'failed') throw new UnicornError(`it does not compile: ${compiled.why}`);
    await writeFile(file, encodeStretch(stretch, runs));
    const ran = await call(program, [file]);
    if (ran.kind !== 'done') throw new UnicornError(`Unicorn does not run the stretch: ${ran.why}`);
    return { kind: 'measured', ...(JSON.parse(ran.output) as Measured) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Measured = Omit<Extract<UnicornRate, { kind: 'measured' }>, 'kind'>;

function unavailable(reason: string): UnicornRate {
  return { kind: 'unavailable', reason };
}

type Called =
  | { readonly kind: 'done'; readonly output: string }
  | { readonly kind: 'missing' | 'failed'; readonly why: string };

const execute = promisify(execFile);

async function call(program: string, args: readonly string[]): Promise<Called> {
  try {
    const { stdout } = await execute(program, args, { timeout: TIMEOUT_MS });
    return { kind: 'done', output: stdout };
  } catch (error) {
    const { code, stderr, message } = error as Error & { readonly code?: unknown; readonly stderr?: string };
    if (code === 'ENOENT') return { kind: 'missing', why: `no program ${program}` };
    return { kind: 'failed', why: stderr?.trim() || message };
  }
}
