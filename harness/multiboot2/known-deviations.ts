/**
 * Where loaders are known to depart from a rule of ours, each with its evidence: reported as a note, not as a failure.
 * A breach that does not stand here is a finding.
 */
import type { Tolerance } from './rule-finding.ts';

export interface KnownDeviation extends Tolerance {
  readonly rule: string;
  /** How the loader's name tag (type 2) begins. */
  readonly nameBegins: string;
}

export const KNOWN_DEVIATIONS: readonly KnownDeviation[] = [
  {
    rule: 'load-base-only-if-relocatable',
    loader: 'GRUB',
    nameBegins: 'GRUB ',
    reason:
      'seen with GRUB 2.06 on SeaBIOS and OVMF: it hands the tag over for every image, at the link base',
  },
];

/** @param loaderName the text of the loader's name tag. */
export function toleranceOf(loaderName: string | undefined): (rule: string) => Tolerance | undefined {
  return (rule) => {
    const known = KNOWN_DEVIATIONS.find(
      (deviation) => deviation.rule === rule && loaderName?.startsWith(deviation.nameBegins) === true,
    );
    return known && { loader: known.loader, reason: known.reason };
  };
}
