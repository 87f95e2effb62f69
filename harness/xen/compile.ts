import { existsSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Workshop } from '../toolchain/workshop.ts';

/** What differs from Xen's own defaults (xen/.config, completed by olddefconfig): Debian's choice, a release build. */
export const KCONFIG = ['# CONFIG_DEBUG is not set'];

/**
 * Arguments to make. `efi-y=` leaves out xen.efi, which no Multiboot2 boot loads; `xen` is the same with it and
 * without, but for its build id. Debug information goes to xen-syms only.
 */
export const MAKE_VARIABLES = ['XEN_TARGET_ARCH=x86_64', 'efi-y='];
export const DEBUG_FLAGS = '-g';

/** Xen writes who built it, where and when into itself; fixed, so that one source gives the same bytes every time. */
export const FIXED_IDENTITY = {
  XEN_WHOAMI: 'loadbase',
  XEN_DOMAIN: 'loadbase',
  XEN_BUILD_HOST: 'loadbase',
  XEN_BUILD_DATE: 'Thu Jan  1 00:00:00 UTC 1970',
  XEN_BUILD_TIME: '00:00:00',
  SOURCE_DATE_EPOCH: '0',
  // Xen's build would ask git for a changeset of whatever clone it stands in.
  GIT: '/bin/false',
};

/** Measured with two cores, one build at a time. */
const MEASURED_MS = { configure: 2_000, compile: 50_000 };

/**
 * Configures and compiles the hypervisor in place.
 * @param source the unpacked source's folder, which has `xen/`.
 * @throws BuildFailedError
 */
export async function compileXen(workshop: Workshop, source: string): Promise<void> {
  const make = (step: string, args: readonly string[]): Promise<unknown> =>
    workshop.command(step, 'make', ['-C', 'xen', ...MAKE_VARIABLES, ...args], {
      cwd: source,
      env: FIXED_IDENTITY,
    });
  await workshop.step('configure', MEASURED_MS.configure, async () => {
    // The folder of somebody who builds there has objects and a configuration of theirs.
    if (existsSync(join(source, 'xen', '.config'))) await make('configure', ['distclean']);
    await writeFile(join(source, 'xen', '.config'), KCONFIG.map((line) => `${line}\n`).join(''));
    await make('configure', ['olddefconfig']);
  });
  // Paths in debug information start at the source's folder; gcc maps those of assembly only with the second flag.
  const maps = ['-ffile-prefix-map', '-fdebug-prefix-map'].map((flag) => `${flag}=${source}=.`);
  const flags = `EXTRA_CFLAGS_XEN_CORE=${[DEBUG_FLAGS, ...maps].join(' ')}`;
  await workshop.step('compile', MEASURED_MS.compile, () =>
    make('compile', [`-j${availableParallelism()}`, flags]),
  );
}

/** Copies the image, its symbols and its configuration into `staging`. */
export async function stageXen(source: string, staging: string): Promise<void> {
  for (const [from, to] of [
    ['xen', 'xen'],
    ['xen-syms', 'xen-syms'],
    ['.config', 'config'],
  ] as const)
    await copyFile(join(source, 'xen', from), join(staging, to));
}
