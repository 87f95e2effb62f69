/** `bios`: GRUB's platform i386-pc; `efi`: x86_64-efi. */
export type Firmware = 'bios' | 'efi';
