/**
 * Finds UEFI firmware through QEMU's firmware descriptors instead of fixed paths.
 * Source: docs/interop/firmware.json in QEMU's tree ("Expectations on the management application"): folders in order of
 * priority, files of one name masking each other, sorted by name, the first match wins.
 */
import { access, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../process/run.ts';
import type { FirmwareImage } from './machine-spec.ts';

export class FirmwareNotFoundError extends Error {
  override readonly name = 'FirmwareNotFoundError';
  constructor(machine: string, folders: readonly string[], seen: readonly string[]) {
    super(
      `no UEFI firmware for x86_64 ${machine} among QEMU's firmware descriptors (looked in ${folders.join(', ')}` +
        `${seen.length > 0 ? `; passed over: ${seen.join('; ')}` : ''}). On Debian: apt-get install ovmf`,
    );
  }
}

/** System folders of the interop specification, highest priority first; a caller may put the user's own before. */
export const DESCRIPTOR_FOLDERS: readonly string[] = ['/etc/qemu/firmware', '/usr/share/qemu/firmware'];

interface Descriptor {
  readonly 'interface-types'?: readonly string[];
  readonly mapping?: {
    readonly device?: string;
    readonly executable?: { readonly filename?: string; readonly format?: string };
    readonly 'nvram-template'?: { readonly filename?: string; readonly format?: string };
  };
  readonly targets?: readonly { readonly architecture?: string; readonly machines?: readonly string[] }[];
  readonly features?: readonly string[];
}

/** Features that a plain machine without SMM and without enrolled keys cannot give. */
const UNWANTED_FEATURES = ['requires-smm', 'secure-boot', 'enrolled-keys'];

/** The versioned machine types that QEMU's aliases stand for, as the descriptors' globs name them. */
const MACHINE_FAMILY = { q35: 'pc-q35-', pc: 'pc-i440fx-' } as const;

/** Why this descriptor is not for us, or the image. Pure. */
export function judgeDescriptor(text: string, machine: 'q35' | 'pc'): FirmwareImage | string {
  let descriptor: Descriptor;
  try {
    descriptor = JSON.parse(text) as Descriptor;
  } catch (error) {
    return `not JSON (${error instanceof Error ? error.message : String(error)})`;
  }
  if (!descriptor['interface-types']?.includes('uefi')) return 'not UEFI';
  const family = MACHINE_FAMILY[machine];
  const fits = descriptor.targets?.some(
    (target) =>
      target.architecture === 'x86_64' &&
      target.machines?.some((glob) => family.startsWith(glob.replace('*', ''))),
  );
  if (!fits) return `not for x86_64 ${machine}`;
  const unwanted = descriptor.features?.find((feature) => UNWANTED_FEATURES.includes(feature));
  if (unwanted) return `wants ${unwanted}`;
  const { device, executable, 'nvram-template': template } = descriptor.mapping ?? {};
  if (device !== 'flash' || !executable?.filename || !template?.filename)
    return 'not a flash pair with a variable store';
  return {
    kind: 'efi',
    executable: executable.filename,
    executableFormat: executable.format ?? 'raw',
    variablesTemplate: template.filename,
    variablesFormat: template.format ?? 'raw',
  };
}

/**
 * @param folders highest priority first.
 * @throws FirmwareNotFoundError
 */
export async function findEfiFirmware(
  machine: 'q35' | 'pc',
  folders: readonly string[] = DESCRIPTOR_FOLDERS,
): Promise<FirmwareImage> {
  const byName = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names)
      if (name.endsWith('.json') && !byName.has(name)) byName.set(name, join(folder, name));
  }
  const passedOver: string[] = [];
  for (const path of [...byName.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)) {
    const verdict = judgeDescriptor(await readFile(path, 'utf8'), machine);
    if (typeof verdict !== 'string') return verdict;
    passedOver.push(`${basename(path)} ${verdict}`);
  }
  throw new FirmwareNotFoundError(machine, folders, passedOver);
}

/** The BIOS that q35 and pc machines load; QEMU looks for it in the data folders that `-L help` prints. */
const SEABIOS_FILE = 'bios-256k.bin';

/** @returns undefined where QEMU will not find one either: it says so itself when it starts. */
export async function findSeaBios(qemu: string): Promise<string | undefined> {
  const { stdout } = await run(qemu, ['-L', 'help'], { timeoutMs: 10_000 });
  for (const folder of stdout.split('\n').filter((line) => line !== '')) {
    const path = join(folder, SEABIOS_FILE);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
