/**
 * A disk image that boots a BIOS and a UEFI: GPT, a BIOS boot partition with GRUB's core image, and an EFI system
 * partition, which also holds GRUB's configurations. Written to a plain file; nothing needs root.
 */
import { open, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MIB } from '../bits/align.ts';
import { bootSector, installedCore, SECTOR_SIZE_BYTES } from './bios-boot-code.ts';
import { makeFatFileSystem } from './fat-file-system.ts';
import type { MediumContent } from './medium-content.ts';
import { pack, type PackingOptions } from './packing-tools.ts';

/** In sectors. GPT's first copy ends before sector 34 (UEFI specification 2.10, §5.3); its second needs 33 at the end. */
const BIOS_BOOT = { start: 34, size: MIB / SECTOR_SIZE_BYTES - 34 };
/** 8 MiB: with clusters of a sector, FAT16. */
const EFI_SYSTEM = { start: MIB / SECTOR_SIZE_BYTES, size: (8 * MIB) / SECTOR_SIZE_BYTES };
const DISK_SIZE_BYTES = 10 * MIB;

/** Partition types: GRUB manual, "BIOS installation"; UEFI specification 2.10, §5.3.3. */
const BIOS_BOOT_TYPE = '21686148-6449-6E6F-744E-656564454649';
const EFI_SYSTEM_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

export class CoreImageSizeError extends Error {
  override readonly name = 'CoreImageSizeError';
  constructor(
    readonly sizeBytes: number,
    readonly roomBytes: number,
  ) {
    super(
      `GRUB's core image has ${sizeBytes} bytes, its partition ${roomBytes}; ` +
        'build fewer modules in (harness/grub/boot-files.ts) or move the partitions (harness/image/disk.ts)',
    );
  }
}

/**
 * Packs `<outDirectory>/medium.img`, 10 MiB, mostly holes.
 * @returns its path.
 * @throws CommandFailedError, CommandMissingError naming the Debian package, CoreImageSizeError, BootCodeError.
 */
export async function packDisk(
  content: MediumContent,
  outDirectory: string,
  options: PackingOptions = {},
): Promise<string> {
  const disk = join(outDirectory, 'medium.img');
  await rm(disk, { force: true });
  await writeHoles(disk);
  await pack('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', disk], {
    ...options,
    input: partitionScript(content),
  });
  await makeFatFileSystem(
    {
      image: disk,
      offsetBytes: EFI_SYSTEM.start * SECTOR_SIZE_BYTES,
      sectors: EFI_SYSTEM.size,
      serial: content.identity.volumeSerial,
      label: 'LOADBASE',
    },
    [
      { path: '/EFI/BOOT/BOOTX64.EFI', source: content.bootFiles.efiApplication },
      ...content.configs.map((source) => ({ path: `/boot/grub/${basename(source)}`, source })),
    ],
    options,
  );
  await installBootCode(content, disk);
  return disk;
}

async function writeHoles(path: string): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(DISK_SIZE_BYTES);
}

/** Source: sfdisk(8), "Script headers" and "Named fields". */
function partitionScript({ identity }: MediumContent): string {
  const partition = (type: string, place: { start: number; size: number }, use: string) =>
    `start=${place.start}, size=${place.size}, type=${type}, uuid=${identity.guid(use)}, name="${use}"`;
  return [
    'label: gpt',
    `label-id: ${identity.guid('disk')}`,
    'unit: sectors',
    `first-lba: ${BIOS_BOOT.start}`,
    partition(BIOS_BOOT_TYPE, BIOS_BOOT, 'BIOS boot'),
    partition(EFI_SYSTEM_TYPE, EFI_SYSTEM, 'EFI system'),
    '',
  ].join('\n');
}

async function installBootCode({ bootFiles }: MediumContent, disk: string): Promise<void> {
  const core = installedCore(await readFile(bootFiles.diskCore), BIOS_BOOT.start);
  const roomBytes = BIOS_BOOT.size * SECTOR_SIZE_BYTES;
  if (core.length > roomBytes) throw new CoreImageSizeError(core.length, roomBytes);
  await using file = await open(disk, 'r+');
  const sectorZero = Buffer.alloc(SECTOR_SIZE_BYTES);
  await file.read(sectorZero, 0, SECTOR_SIZE_BYTES, 0);
  await file.write(
    bootSector(await readFile(bootFiles.bootSector), sectorZero, BIOS_BOOT.start),
    0,
    undefined,
    0,
  );
  await file.write(core, 0, undefined, BIOS_BOOT.start * SECTOR_SIZE_BYTES);
}
