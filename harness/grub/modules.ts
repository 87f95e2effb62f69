/**
 * What of GRUB is built: the modules a boot of ours can load, closed under their dependencies (GRUB's genmoddep.awk
 * refuses a set that is not). Names as in grub-core/Makefile.core.def of GRUB 2.06.
 */

export const GRUB_PLATFORMS = ['i386-pc', 'x86_64-efi'] as const;
export type GrubPlatform = (typeof GRUB_PLATFORMS)[number];

const COMMON_MODULES = [
  // loaders, and what they stand on
  ...['multiboot', 'multiboot2', 'linux', 'relocator', 'mmap', 'video', 'video_fb', 'boot', 'acpi', 'smbios'],
  // disks and file systems
  ...['disk', 'fshelp', 'fat', 'iso9660', 'tar', 'archelp', 'part_gpt', 'part_msdos', 'bufio', 'gzio', 'net'],
  // finding things
  ...['search', 'search_fs_file', 'search_fs_uuid', 'search_label', 'loadenv', 'configfile'],
  // the prompt and its commands
  ...[
    'normal',
    'minicmd',
    'extcmd',
    'terminal',
    'serial',
    'terminfo',
    'echo',
    'ls',
    'test',
    'true',
    'read',
    'sleep',
  ],
  ...['halt', 'reboot', 'memrw', 'iorw', 'gettext', 'datetime', 'priority_queue', 'crypto', 'gcry_crc'],
];

/** `kfreebsd`: the one command that enters a 64-bit image from a BIOS, and what it stands on. */
const BSD_MODULES = ['bsd', 'elf', 'aout', 'gcry_md5', 'cpuid'];

/** Values of grub-core's make variables for one platform. */
export interface PlatformParts {
  /** `configure --with-platform` and `--target`. */
  readonly platform: string;
  readonly target: string;
  readonly modules: readonly string[];
  /** Programs that images are made of; `boot.image` becomes `boot.img`. */
  readonly programs: readonly string[];
  readonly images: readonly string[];
}

export const PLATFORM_PARTS: Readonly<Record<GrubPlatform, PlatformParts>> = {
  'i386-pc': {
    platform: 'pc',
    target: 'i386',
    modules: [...COMMON_MODULES, 'biosdisk', 'lsmmap', 'verifiers', 'lsapm', 'vbe', ...BSD_MODULES],
    programs: [
      'boot.image',
      'boot_hybrid.image',
      'cdboot.image',
      'diskboot.image',
      'lzma_decompress.image',
      'kernel.exec',
    ],
    images: [
      'boot.img',
      'boot_hybrid.img',
      'cdboot.img',
      'diskboot.img',
      'lzma_decompress.img',
      'kernel.img',
    ],
  },
  'x86_64-efi': {
    platform: 'efi',
    target: 'x86_64',
    modules: [...COMMON_MODULES, 'lsefimmap'],
    programs: ['kernel.exec'],
    images: ['kernel.img'],
  },
};

/** Lists that mkimage and `normal` read at run time, beside the modules. */
export const LIST_FILES = [
  'moddep.lst',
  'command.lst',
  'fs.lst',
  'crypto.lst',
  'terminal.lst',
  'partmap.lst',
  'video.lst',
];

/** Arguments to `make -C grub-core all` that keep it to the platform's parts. */
export function trimmedMakeVariables({ modules, programs, images }: PlatformParts): string[] {
  const each = (suffix: string): string[] => modules.map((module) => `${module}${suffix}`);
  const variables: Readonly<Record<string, readonly string[]>> = {
    MODULE_FILES: each('.module'),
    MARKER_FILES: each('.marker'),
    MOD_FILES: each('.mod'),
    platform_PROGRAMS: [...programs, ...each('.module')],
    platform_DATA: [...images, ...LIST_FILES, ...each('.mod')],
    noinst_DATA: [],
    pkgdata_DATA: [],
  };
  return Object.entries(variables).map(([name, words]) => `${name}=${words.join(' ')}`);
}
