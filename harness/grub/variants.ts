/** `standard` is the source as it is; `no-relocation` is the negative control, with the feature taken out. */
export const GRUB_VARIANTS = ['standard', 'no-relocation'] as const;
export type GrubVariant = (typeof GRUB_VARIANTS)[number];

/**
 * What is put after GRUB's version, so that a boot can prove which build it came from: it shows in the Multiboot2
 * boot loader name tag. No variant's suffix is a part of another's.
 * @param digest the cache entry's key.
 */
export function versionSuffix(variant: GrubVariant, digest: string): string {
  const key = digest.slice(0, 8);
  switch (variant) {
    case 'standard':
      return `-loadbase.${key}`;
    case 'no-relocation':
      return `-loadbase.no-relocation.${key}`;
  }
}
