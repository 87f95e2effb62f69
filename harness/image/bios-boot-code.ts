/**
 * What grub-bios-setup does to GRUB's boot.img and core.img before it writes them, for a core image in one run of
 * sectors. Sources: GRUB's include/grub/offsets.h, include/grub/i386/pc/boot.h (offsets), boot/i386/pc/boot.S and
 * boot/i386/pc/diskboot.S (who reads them).
 */
import { ByteReader } from '../bits/byte-reader.ts';

export const SECTOR_SIZE_BYTES = 512;

/** boot.h: BPB_START, BPB_END, KERNEL_SECTOR, BOOT_DRIVE, DRIVE_CHECK, WINDOWS_NT_MAGIC, PART_END. */
const BOOT_SECTOR = {
  parameterBlock: 0x3,
  parameterBlockEnd: 0x5a,
  kernelSector: 0x5c,
  bootDrive: 0x64,
  driveCheck: 0x66,
  diskSignature: 0x1b8,
  partitionTableEnd: 0x1fe,
};
/** boot.S: the drive that the firmware names. */
const FIRMWARES_DRIVE = 0xff;
const NOP = 0x90;

/** diskboot.S: the first block list entry ends its sector: u64 first sector, u16 sectors, u16 segment. */
const FIRST_BLOCK_LIST = SECTOR_SIZE_BYTES - 12;
/** diskboot.S loads what follows itself to GRUB_BOOT_MACHINE_KERNEL_SEG + 0x20. */
const SEGMENT_AFTER_DISKBOOT = 0x820;

export class BootCodeError extends Error {
  override readonly name = 'BootCodeError';
}

/**
 * Sector 0 of a disk: GRUB's boot.img, told where the core image starts, around the partition table that is there.
 * @param image boot.img, 512 bytes.
 * @param sectorZero the disk's sector 0 as the partitioner wrote it.
 * @param coreSector where the core image's first sector lies.
 * @throws BootCodeError where `image` is no boot sector.
 */
export function bootSector(image: Uint8Array, sectorZero: Uint8Array, coreSector: number): Buffer {
  const at = BOOT_SECTOR;
  if (image.length !== SECTOR_SIZE_BYTES || new ByteReader(image, 'boot.img').u16(0x1fe) !== 0xaa55)
    throw new BootCodeError(`boot.img is no boot sector of 512 bytes (${image.length}); build GRUB anew`);
  const sector = Buffer.from(image);
  for (const [from, to] of [
    [at.parameterBlock, at.parameterBlockEnd],
    [at.diskSignature, at.partitionTableEnd],
  ] as const)
    sector.set(sectorZero.subarray(from, to), from);
  sector.writeBigUInt64LE(BigInt(coreSector), at.kernelSector);
  sector.writeUInt8(FIRMWARES_DRIVE, at.bootDrive);
  // A jump over the check of DL is for floppies; on a hard disk the check stays.
  sector.fill(NOP, at.driveCheck, at.driveCheck + 2);
  return sector;
}

/**
 * The core image as it lies on disk: diskboot's block list names the sectors that follow it; whole sectors.
 * @param image as made by `grub-mkimage -O i386-pc`: diskboot.img and what it loads.
 * @throws BootCodeError where it holds no block list as grub-mkimage leaves it.
 */
export function installedCore(image: Uint8Array, coreSector: number): Buffer {
  const sectors = Math.ceil(image.length / SECTOR_SIZE_BYTES);
  const core = Buffer.alloc(sectors * SECTOR_SIZE_BYTES);
  core.set(image);
  const length = sectors < 2 ? 0 : core.readUInt16LE(FIRST_BLOCK_LIST + 8);
  const segment = sectors < 2 ? 0 : core.readUInt16LE(FIRST_BLOCK_LIST + 10);
  if (length !== sectors - 1 || segment !== SEGMENT_AFTER_DISKBOOT)
    throw new BootCodeError(
      `the core image of ${sectors} sectors has a block list of ${length} sectors at segment 0x${segment.toString(16)}; ` +
        'make it with grub-mkimage -O i386-pc',
    );
  core.writeBigUInt64LE(BigInt(coreSector + 1), FIRST_BLOCK_LIST);
  return core;
}
