/**
 * The payload drive: a plain tar archive that tells the boot medium's GRUB what to boot, and holds it. One constant
 * medium then serves every choice, and nothing is typed. grub-configs/grub.cfg is the reader and documents the protocol.
 */
import { pack } from 'tar-stream';
import { alignUp, KIB } from '../bits/align.ts';
import { encodeEnvironmentBlock } from './environment-block.ts';

/** grub-configs/load.cfg hands over this many and no more. */
export const MAX_MODULES = 8;

/**
 * SeaBIOS (1.16.2 measured) reports a drive below one cylinder of 16 heads × 63 sectors with a geometry from which
 * GRUB concludes that it has no sectors. A tar archive may end in any number of zero blocks.
 */
const MIN_DRIVE_SIZE_BYTES = 1024 * KIB;

const TAR_BLOCK_BYTES = 512;

/** GRUB wraps its output at 80 columns; `loadbase: choice ` takes 17 of them. */
const MAX_CHOICE_LENGTH = 62;

export interface Choice {
  /** A name for the log, echoed on the console: printable ASCII, at most 62 characters. */
  readonly choice: string;
  /** `survey`: print the memory map and halt. `boot`: load the kernel and modules, and boot. */
  readonly mode: 'survey' | 'boot';
  /** `multiboot2` where left out. `kfreebsd`: only on a BIOS, and without modules. */
  readonly protocol?: 'multiboot2' | 'multiboot1' | 'kfreebsd';
  /** The kernel's command line: words with one space between; nothing that GRUB would quote or escape. */
  readonly arguments?: string;
}

export interface PayloadModule {
  /** Handed to the guest byte for byte: gzip is not unpacked. */
  readonly bytes: Uint8Array;
  /** The module's command line; the rules of `Choice.arguments` hold. */
  readonly arguments?: string;
}

export interface Payload {
  readonly choice: Choice;
  /** The image to boot; GRUB unpacks it where it is gzip. Needed in mode `boot`. */
  readonly kernel?: Uint8Array;
  readonly modules?: readonly PayloadModule[];
}

export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/**
 * The payload drive's bytes: equal payloads give equal bytes; at least 1 MiB, a multiple of 512 bytes.
 * @throws PayloadError where GRUB would hand the guest something other than what `payload` says.
 */
export async function packPayload(payload: Payload): Promise<Buffer> {
  const files = payloadFiles(payload);
  const archive = pack();
  for (const [name, bytes] of files)
    archive.entry(header(name, bytes.length), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  // Once: this is done for each instance, and an image has megabytes.
  return Buffer.concat(pieces, Math.max(MIN_DRIVE_SIZE_BYTES, alignUp(sizeBytes, 512)));
}

/** How many bytes {@link packPayload} gives, without packing. @throws PayloadError */
export function archiveSizeBytes(payload: Payload): number {
  const entries = payloadFiles(payload).map(
    ([, { length }]) => TAR_BLOCK_BYTES + alignUp(length, TAR_BLOCK_BYTES),
  );
  const sizeBytes = entries.reduce((sum, each) => sum + each, 2 * TAR_BLOCK_BYTES);
  return Math.max(MIN_DRIVE_SIZE_BYTES, sizeBytes);
}

/** The variables that `choice.env` sets; grub-configs/grub.cfg lists each of their names. */
export function choiceVariables({ choice, modules = [] }: Payload): Record<string, string> {
  return {
    choice: choice.choice,
    mode: choice.mode,
    protocol: choice.protocol ?? 'multiboot2',
    arguments: choice.arguments ?? '',
    modules: String(modules.length),
    ...Object.fromEntries(modules.map((module, n) => [`module_${n}_arguments`, module.arguments ?? ''])),
  };
}

function payloadFiles(payload: Payload): [string, Uint8Array][] {
  const { choice, kernel, modules = [] } = payload;
  checkChoiceName(choice.choice);
  checkArguments('the kernel', choice.arguments);
  modules.forEach((module, n) => checkArguments(`module ${n}`, module.arguments));
  if (modules.length > MAX_MODULES)
    throw new PayloadError(
      `${modules.length} modules, where grub-configs/load.cfg hands over ${MAX_MODULES}; join some or extend it`,
    );
  if (choice.protocol === 'kfreebsd' && modules.length > 0)
    throw new PayloadError(
      'modules with kfreebsd, for which grub-configs/load.cfg knows none; leave them out',
    );
  if (choice.mode === 'boot' && !kernel)
    throw new PayloadError('mode boot without a kernel; give one, or choose mode survey');
  return [
    ['choice.env', encodeEnvironmentBlock(choiceVariables(payload))],
    ...(kernel ? [['kernel', kernel] as [string, Uint8Array]] : []),
    ...modules.map((module, n): [string, Uint8Array] => [`module-${n}`, module.bytes]),
  ];
}

function checkChoiceName(name: string): void {
  if (!/^[\x20-\x7e]+$/.test(name) || name.length > MAX_CHOICE_LENGTH)
    throw new PayloadError(
      `choice ${JSON.stringify(name)} would not come out as one line; ` +
        `use 1 to ${MAX_CHOICE_LENGTH} printable ASCII characters`,
    );
}

/**
 * GRUB splits the value into words and joins them with single spaces, with quotes and backslashes escaped
 * (grub-core/lib/cmdline.c), so the guest would see other text than was asked for.
 */
function checkArguments(whose: string, text = ''): void {
  if (text !== '' && !/^[!#-&(-[\]-~]+( [!#-&(-[\]-~]+)*$/.test(text))
    throw new PayloadError(
      `GRUB would alter the arguments of ${whose}, ${JSON.stringify(text)}; ` +
        'use printable ASCII words with one space between, without quotes or backslashes',
    );
}

function header(name: string, size: number): Parameters<ReturnType<typeof pack>['entry']>[0] {
  return { name, size, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' };
}
