/** Frozen machines of a fake QEMU in a cache of their own, and runs that share it. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { bench, fakeQemu, type Bench } from '../../qemu/testdata/bench.ts';
import type { BuildProgress } from '../../toolchain/toolchain-context.ts';
import { FrozenMachines, type FrozenMachinesOptions } from '../frozen-machines.ts';
import type { FrozenSpec } from '../frozen-request.ts';

export interface Stock extends Bench {
  readonly machines: FrozenMachines;
  readonly wanted: FrozenSpec;
  readonly notices: string[];
  readonly progress: BuildProgress[];
  readonly cacheRoot: string;
  /** Boots that were frozen. */
  boots(): number;
  /** The entries' folders. */
  entries(): string[];
  /** Another run with the same cache. */
  again(qemu?: string): Stock;
}

type More = Partial<FrozenMachinesOptions> & { readonly signal?: AbortSignal };

export function stock(t: Test, qemu = 'forks', more: More = {}, at = bench(t)): Stock {
  const cacheRoot = join(at.directory, 'cache');
  const [notices, progress]: [string[], BuildProgress[]] = [[], []];
  const { signal, ...options } = more;
  const { payload: _, ...spec } = at.spec;
  return {
    ...at,
    ...{ notices, progress, cacheRoot },
    wanted: { spec, driveSizeBytes: 1 << 20, firmwareSha256: null },
    machines: new FrozenMachines({
      qemu: { path: fakeQemu(qemu), version: '7.2.22', sha256: '2'.repeat(64) },
      context: { cacheRoot, onProgress: (event) => progress.push(event), ...(signal ? { signal } : {}) },
      evidence: (name) => join(at.directory, 'preparation', name),
      onNotice: (text) => notices.push(text),
      ...options,
    }),
    boots: () => progress.filter(({ state }) => state === 'done').length,
    entries: () => {
      const folder = join(cacheRoot, 'entries');
      return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
    },
    again: (other = qemu) => stock(t, other, more, at),
  };
}

/** Where the fake that was frozen told its process number. */
export function evidenceOf({ directory }: Bench): string {
  const [name = ''] = readdirSync(join(directory, 'preparation'));
  return join(directory, 'preparation', name, 'qemu.stderr');
}

/** Nothing is left of a boot, nor half of an entry. */
export async function leavesNothing(t: Test, at: Stock): Promise<void> {
  t.ok(await at.isTidy(evidenceOf(at)));
  t.strictSame(readdirSync(join(at.cacheRoot, 'build')), []);
  t.strictSame(at.entries(), []);
}

/** Writes a file of an entry, and its sums, so that only its content is wrong. */
export function forge(entry: string, file: string, content: string): void {
  writeFileSync(join(entry, file), content);
  const path = join(entry, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { files: Record<string, object> };
  const sha256 = createHash('sha256').update(content).digest('hex');
  manifest.files[file] = { sha256, sizeBytes: content.length };
  writeFileSync(path, JSON.stringify(manifest));
}
