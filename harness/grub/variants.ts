import { SABOTAGES, type SabotageName } from './sabotages.ts';
import { NO_RELOCATION_TRANSFORM } from './transforms.ts';
import type { Transform } from '../sources/transforms.ts';

/**
 * Kept by every build of GRUB: `standard` is the source as it is; `no-relocation` is the negative control, with the
 * feature taken out.
 */
export const GRUB_VARIANTS = ['standard', 'no-relocation'] as const;
/** A GRUB with a defect of our own making, built only where it is asked for. */
export type SabotagedVariant = `sabotage-${SabotageName}`;
export type GrubVariant = (typeof GRUB_VARIANTS)[number] | SabotagedVariant;

export const SABOTAGED_VARIANTS: readonly SabotagedVariant[] = (Object.keys(SABOTAGES) as SabotageName[]).map(
  (name) => `sabotage-${name}` as const,
);

/** Every variant that one build makes when `variant` is asked for; the standard one first, as the others are made of it. */
export function variantsBuiltWith(variant: GrubVariant): readonly GrubVariant[] {
  return variant.startsWith('sabotage-') ? ['standard', ...SABOTAGED_VARIANTS] : GRUB_VARIANTS;
}

/** What makes the variant out of the standard one. */
export function variantTransforms(variant: GrubVariant): readonly Transform[] {
  if (variant === 'standard') return [];
  if (variant === 'no-relocation') return [NO_RELOCATION_TRANSFORM];
  return SABOTAGES[variant.slice('sabotage-'.length) as SabotageName];
}

/**
 * What is put after GRUB's version, so that a boot can prove which build it came from: it shows in the Multiboot2
 * boot loader name tag. No variant's suffix is a part of another's.
 * @param digest the cache entry's key.
 */
export function versionSuffix(variant: GrubVariant, digest: string): string {
  const key = digest.slice(0, 8);
  return variant === 'standard' ? `-loadbase.${key}` : `-loadbase.${variant}.${key}`;
}
