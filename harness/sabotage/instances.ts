/** The ordinary instances that defects are tried on, by name; the default matrix has each. */
export const BIOS = 'xen-early-boot~bios~base-0x03e00000';
export const EFI = 'xen-early-boot~efi~base-0x03e00000';
/** No multiple of 2 MiB: an early error. */
export const MISALIGNED = 'xen-early-boot~bios~base-0x04101000';
export const EFI_MISALIGNED = 'xen-early-boot~efi~base-0x04101000';
/** GRUB's own choice. */
export const BIOS_ANY = 'xen-early-boot~bios~base-any';
export const EFI_ANY = 'xen-early-boot~efi~base-any';
/** With modules. */
export const BIOS_MODULES = 'xen-modules~bios~base-0x03e00000';
export const EFI_MODULES = 'xen-modules~efi~base-0x03e00000';
