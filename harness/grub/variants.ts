import type { Transform } from '../sources/transforms.ts';
import { KEPT_VARIANTS, type KeptVariant } from './kept-variants.ts';
import { PLACEMENT_SABOTAGES } from './placement-sabotages.ts';
import { SABOTAGES } from './sabotages.ts';

export type { KeptVariant } from './kept-variants.ts';

const ALL_SABOTAGES = { ...SABOTAGES, ...PLACEMENT_SABOTAGES };
type SabotageName = keyof typeof ALL_SABOTAGES;

/** A GRUB with a defect of our own making, built only where it is asked for. */
export type SabotagedVariant = `sabotage-${SabotageName}`;
export type GrubVariant = KeptVariant | SabotagedVariant;

const KEPT = Object.keys(KEPT_VARIANTS) as KeptVariant[];
const SABOTAGED = (Object.keys(ALL_SABOTAGES) as SabotageName[]).map((name) => `sabotage-${name}` as const);

/** Every variant that one build makes when `variant` is asked for; the standard one first, as the others are made of it. */
export function variantsBuiltWith(variant: GrubVariant): readonly GrubVariant[] {
  return isKept(variant) ? KEPT : ['standard', ...SABOTAGED];
}

/** What makes the variant out of the standard one. */
export function variantTransforms(variant: GrubVariant): readonly Transform[] {
  return isKept(variant)
    ? KEPT_VARIANTS[variant]
    : ALL_SABOTAGES[variant.slice('sabotage-'.length) as SabotageName];
}

function isKept(variant: GrubVariant): variant is KeptVariant {
  return variant in KEPT_VARIANTS;
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
