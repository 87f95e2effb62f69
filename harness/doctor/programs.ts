/** The programs that building, packing and booting need, and the Debian package each comes from. */
export interface ProgramNeed {
  readonly program: string;
  readonly debianPackage: string;
  readonly what: string;
  readonly optional?: true;
}

export const PROGRAMS: readonly ProgramNeed[] = [
  { program: 'xorriso', debianPackage: 'xorriso', what: 'packs the boot ISO' },
  { program: 'mformat', debianPackage: 'mtools', what: 'makes the EFI system partition' },
  { program: 'sfdisk', debianPackage: 'fdisk', what: 'partitions the boot disk' },
  { program: 'gcc', debianPackage: 'gcc', what: 'compiles GRUB and Xen' },
  { program: 'make', debianPackage: 'make', what: 'builds GRUB and Xen' },
  { program: 'autoconf', debianPackage: 'autoconf', what: 'configures GRUB' },
  { program: 'automake', debianPackage: 'automake', what: 'configures GRUB' },
  { program: 'flex', debianPackage: 'flex', what: 'builds GRUB and Xen' },
  { program: 'bison', debianPackage: 'bison', what: 'builds GRUB and Xen' },
  { program: 'python3', debianPackage: 'python3', what: 'builds GRUB and Xen' },
  { program: 'patch', debianPackage: 'patch', what: 'applies patch series' },
  { program: 'dpkg-source', debianPackage: 'dpkg-dev', what: 'unpacks and verifies source packages' },
  { program: 'flock', debianPackage: 'util-linux', what: 'lets two builds wait for each other' },
  { program: 'setpriv', debianPackage: 'util-linux', what: 'ends machines with the harness' },
  {
    program: 'git',
    debianPackage: 'git',
    what: 'takes a revision from a clone (folder#rev)',
    optional: true,
  },
  { program: 'gdb', debianPackage: 'gdb', what: 'loadbase debug', optional: true },
];
