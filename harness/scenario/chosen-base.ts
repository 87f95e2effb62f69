/** What GRUB did with an image that left it a choice: by the specification, and the memory map that this boot printed. */
import type { BootRecord } from '../boot/boot-record.ts';
import { judgePlacement } from '../grub/window-judgement.ts';
import type { SeenPlacement } from '../grub/window-deviations.ts';
import type { Observation } from '../guest/guest-view.ts';
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import { windowRequest } from './expectation.ts';
import type { ReadyInstance } from './plan.ts';

/** Nothing where GRUB had no choice: a forced base, an image that cannot be moved, a protocol or GRUB that moves none. */
export function observePlacement(planned: ReadyInstance, { end, loader }: BootRecord): Observation[] {
  const { instance, subject, base, window, loaderName } = planned;
  const asked = window ?? relocatableTag(subject.image.header);
  if (base !== undefined || !asked || instance.protocol !== 'multiboot2') return [];
  if (instance.grubVariant === 'no-relocation' || !loader) return [];
  const seen = seenPlacement(end, loader.loadBase);
  if (!seen) return [];
  if (!loader.memoryMap)
    return [{ ok: false, text: 'this boot printed no memory map to judge the placement by' }];
  const { minAddr, maxAddr, align, preference } = asked;
  const request = windowRequest({ minAddr, maxAddr, align, preference }, subject.image, instance.firmware);
  const { kind, ok, text } = judgePlacement(loader.memoryMap, request, seen, loaderName);
  return [{ ok, text: kind === 'known-deviation' ? `known deviation: ${text}` : text }];
}

function seenPlacement(end: BootRecord['end'], loadBase: number | undefined): SeenPlacement | undefined {
  if (end.kind === 'refused') return { kind: 'refused', errors: end.errors };
  return loadBase === undefined ? undefined : { kind: 'placed', base: loadBase };
}
