/** What a boot medium holds, and the identifiers that follow from it. */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type BootFiles } from '../grub/boot-files.ts';

/** Embedded in the boot files, not read from the medium. */
const EMBEDDED_CONFIG = 'early.cfg';

export interface MediumContent {
  readonly bootFiles: BootFiles;
  /** GRUB's configurations for /boot/grub, in order of their names. */
  readonly configs: readonly string[];
  readonly identity: MediumIdentity;
}

/** Identifiers that tools would draw by lot. They follow from the content: equal content, equal bytes. */
export interface MediumIdentity {
  /** For a disk or a partition; another one for each `use`. Upper case, with dashes. */
  guid(use: string): string;
  /** For a FAT file system: 8 hexadecimal digits. */
  readonly volumeSerial: string;
}

/**
 * Reads what the medium is made of.
 * @param configsDirectory grub-configs.
 * @throws NodeJS.ErrnoException where a file cannot be read.
 */
export async function mediumContent(bootFiles: BootFiles, configsDirectory: string): Promise<MediumContent> {
  const names = (await readdir(configsDirectory)).filter((n) => n.endsWith('.cfg') && n !== EMBEDDED_CONFIG);
  const configs = names.sort().map((name) => join(configsDirectory, name));
  const hash = createHash('sha256');
  const { elTorito, diskCore, bootSector, hybridBootSector, efiApplication } = bootFiles;
  for (const path of [elTorito, diskCore, bootSector, hybridBootSector, efiApplication, ...configs]) {
    const bytes = await readFile(path);
    hash.update(`${basename(path)} ${bytes.length}\n`).update(bytes);
  }
  return { bootFiles, configs, identity: mediumIdentity(hash.digest('hex')) };
}

/** @param contentDigest any text that stands for the content, such as its SHA-256. */
export function mediumIdentity(contentDigest: string): MediumIdentity {
  const digest = (use: string) => createHash('sha256').update(`${contentDigest} ${use}`).digest();
  return {
    guid: (use) => customUuid(digest(use)),
    volumeSerial: digest('volume serial').toString('hex').slice(0, 8),
  };
}

/** A UUID of version 8, whose bits are the maker's own: RFC 9562 §5.8. */
function customUuid(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes
    .toString('hex')
    .toUpperCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
