/**
 * The files that firmware starts: GRUB's core with every module it needs built in, so that at run time it reads nothing
 * from the medium but its configuration.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../process/run.ts';
import type { GrubPlatform } from './modules.ts';

/** The parts of a GRUB build that boot files are made from. */
export interface GrubImageTools {
  /** Path of grub-mkimage. */
  readonly mkimage: string;
  /** Platform → folder of its modules (`*.mod`), images (`*.img`) and `moddep.lst`. */
  readonly platforms: Readonly<Record<GrubPlatform, string>>;
}

/** Paths of files. */
export interface BootFiles {
  /** For a BIOS and a CD: what an El Torito entry without emulation loads. */
  readonly elTorito: string;
  /** For a BIOS and a disk: diskboot.img and what it loads; see harness/image/bios-boot-code.ts. */
  readonly diskCore: string;
  /** For a BIOS and a disk: GRUB's boot.img, 512 bytes. */
  readonly bootSector: string;
  /** For a BIOS and an ISO on a disk: GRUB's boot_hybrid.img, 512 bytes. */
  readonly hybridBootSector: string;
  /** For UEFI: the application `/EFI/BOOT/BOOTX64.EFI`. */
  readonly efiApplication: string;
}

const COMMON_MODULES = [
  ...['normal', 'configfile', 'echo', 'test', 'search', 'search_fs_file', 'loadenv'],
  ...['tar', 'iso9660', 'fat', 'part_gpt', 'part_msdos', 'gzio'],
  ...['multiboot', 'multiboot2', 'boot', 'serial', 'terminal', 'iorw', 'halt', 'reboot', 'sleep'],
];
const PLATFORM_MODULES: Readonly<Record<GrubPlatform, readonly string[]>> = {
  'i386-pc': [...COMMON_MODULES, 'biosdisk', 'lsmmap', 'bsd'],
  'x86_64-efi': [...COMMON_MODULES, 'lsefimmap'],
};

/**
 * The folder with GRUB's configurations: the nearest `grub-configs` above this file, be it a source or compiled.
 * @throws Error where there is none.
 */
export function grubConfigsDirectory(from: string = import.meta.dirname): string {
  const here = join(from, 'grub-configs');
  if (existsSync(join(here, 'grub.cfg'))) return here;
  if (dirname(from) === from)
    throw new Error('no folder grub-configs with a grub.cfg above the harness; check the checkout out anew');
  return grubConfigsDirectory(dirname(from));
}

/**
 * A configuration without comments and empty lines, for an image to embed. GRUB's rescue parser knows no comments: it
 * takes `#` for a command, and an apostrophe in one for a quote that goes on over the lines below.
 */
export function rescueScript(config: string): string {
  const lines = config.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  return `${lines.join('\n')}\n`;
}

/**
 * Makes the boot files in `outDirectory` (made where missing); equal builds give equal bytes.
 * @param options.signal ends grub-mkimage.
 * @throws CommandFailedError with what grub-mkimage said (a module that is not there, say), CommandMissingError.
 */
export async function bootFiles(
  build: GrubImageTools,
  outDirectory: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<BootFiles> {
  await mkdir(outDirectory, { recursive: true });
  const config = join(outDirectory, 'early.cfg');
  await writeFile(config, rescueScript(await readFile(join(grubConfigsDirectory(), 'early.cfg'), 'utf8')));
  const image = async (platform: GrubPlatform, format: string, name: string): Promise<string> => {
    const output = join(outDirectory, name);
    await run(build.mkimage, mkimageArguments({ build, platform, format, config, output }), {
      env: { LC_ALL: 'C' },
      ...options,
    });
    return output;
  };
  const [elTorito, diskCore, efiApplication] = await Promise.all([
    image('i386-pc', 'i386-pc-eltorito', 'eltorito.img'),
    image('i386-pc', 'i386-pc', 'core.img'),
    image('x86_64-efi', 'x86_64-efi', 'bootx64.efi'),
  ]);
  const bios = build.platforms['i386-pc'];
  const [bootSector, hybridBootSector] = [join(bios, 'boot.img'), join(bios, 'boot_hybrid.img')];
  return { elTorito, diskCore, efiApplication, bootSector, hybridBootSector };
}

/** `normal`, which the core starts last, reads `$prefix/grub.cfg`; the embedded configuration sets the prefix anew. */
function mkimageArguments(image: {
  readonly build: GrubImageTools;
  readonly platform: GrubPlatform;
  readonly format: string;
  readonly config: string;
  readonly output: string;
}): string[] {
  return [
    ...['-d', image.build.platforms[image.platform]],
    ...['-O', image.format],
    ...['-p', '/boot/grub'],
    ...['-c', image.config],
    ...['-o', image.output],
    ...PLATFORM_MODULES[image.platform],
  ];
}
