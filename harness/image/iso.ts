/**
 * A hybrid ISO: it boots a BIOS and a UEFI, as a CD and as a disk. What grub-mkrescue (GRUB's util/grub-mkrescue.c) asks
 * of xorriso, without what it adds for Macs and PowerPC, and with nothing left to the clock.
 */
import { copyFile, mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { alignUp, KIB, MIB } from '../bits/align.ts';
import { makeFatFileSystem } from './fat-file-system.ts';
import type { MediumContent } from './medium-content.ts';
import { pack, type PackingOptions } from './packing-tools.ts';

/** FIXED_TIME_EPOCH_SECONDS in xorriso's form, YYYYMMDDhhmmsscc. */
const FIXED_TIME = '1980010100000000';
const EL_TORITO = 'boot/grub/eltorito.img';
const VOLUME_LABEL = 'LOADBASE';

/**
 * Packs `<outDirectory>/medium.iso`.
 * @returns its path.
 * @throws CommandFailedError, CommandMissingError naming the Debian package.
 */
export async function packIso(
  content: MediumContent,
  outDirectory: string,
  options: PackingOptions = {},
): Promise<string> {
  const staging = join(outDirectory, 'staging');
  const iso = join(outDirectory, 'medium.iso');
  await rm(staging, { recursive: true, force: true });
  await rm(iso, { force: true });
  await mkdir(join(staging, 'tree/boot/grub'), { recursive: true });
  try {
    for (const config of content.configs)
      await copyFile(config, join(staging, 'tree/boot/grub', basename(config)));
    // xorriso writes the El Torito checksum and the image's place into this copy in the ISO, not into the file.
    await copyFile(content.bootFiles.elTorito, join(staging, 'tree', EL_TORITO));
    await makeEfiImage(content, join(staging, 'efi.img'), options);
    await pack('xorriso', xorrisoArguments(content, '../medium.iso'), { ...options, cwd: staging });
    return iso;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function makeEfiImage(content: MediumContent, image: string, options: PackingOptions): Promise<void> {
  const { size } = await stat(content.bootFiles.efiApplication);
  const sizeBytes = alignUp(size + 128 * KIB, MIB);
  await writeFile(image, '');
  await truncate(image, sizeBytes);
  await makeFatFileSystem(
    { image, sectors: sizeBytes / 512, serial: content.identity.volumeSerial, label: VOLUME_LABEL },
    [{ path: '/EFI/BOOT/BOOTX64.EFI', source: content.bootFiles.efiApplication }],
    options,
  );
}

/** Run in the folder that holds `tree` and `efi.img`. Source of the options: xorriso(1), xorrisofs(1). */
function xorrisoArguments(content: MediumContent, iso: string): string[] {
  return [
    ...['-no_rc', '-as', 'mkisofs', '-quiet', '-o', iso, '-V', VOLUME_LABEL, '-r'],
    ...[`--modification-date=${FIXED_TIME}`, '--set_all_file_dates', FIXED_TIME],
    // A BIOS, from CD.
    ...['-b', EL_TORITO, '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table'],
    // A BIOS, from disk: boot_hybrid.img as the boot record, told where that same image lies.
    ...['--grub2-boot-info', '--grub2-mbr', content.bootFiles.hybridBootSector],
    // UEFI, from CD and from disk: a FAT image that is an El Torito image and an EFI system partition at once.
    ...['-append_partition', '2', '0xef', 'efi.img', '-appended_part_as_gpt'],
    ...['-eltorito-alt-boot', '-e', '--interval:appended_partition_2:all::', '-no-emul-boot'],
    ...['--gpt_disk_guid', content.identity.guid('disk').replaceAll('-', '').toLowerCase()],
    'tree',
  ];
}
