/** How an instance should end, computed from the image's own header and the firmware's memory map: no lists. */
import { isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import { highestPlaceable, lowestOwned, predictPlacement, type Slots } from '../grub/placement.ts';
import { expectedPlacement } from '../grub/window-prediction.ts';
import { resolveWindow, windowCases } from '../grub/window-cases.ts';
import type { WindowRequest } from '../grub/window-rules.ts';
import type { RelocationWindow } from '../multiboot2/header-tags.ts';
import { forcedWindow, relocatableTag } from '../multiboot2/relocatable-tag.ts';
import type { BootImage } from '../subject/boot-image.ts';
import type { Expectation, Instance } from './contract.ts';

/** There is no such base on this machine: the instance is skipped with this reason. */
export class NoSuchBaseError extends Error {
  override readonly name = 'NoSuchBaseError';
}

/** The base in numbers, or undefined where the loader chooses or the protocol knows none. @throws NoSuchBaseError */
export function resolveBase(
  instance: Instance,
  image: BootImage,
  map: readonly MemoryRegion[],
): number | undefined {
  const { base } = instance;
  switch (base.kind) {
    case 'any':
    case 'none':
    case 'window':
      return undefined;
    case 'at':
      return base.address;
    case 'highest':
    case 'firmware-owned': {
      const find = base.kind === 'highest' ? highestPlaceable : lowestOwned;
      const found = find(map, slotsOf(instance, image));
      if (found === undefined)
        throw new NoSuchBaseError(`this machine's memory map has no ${base.kind} base for the image`);
      return found;
    }
  }
}

function slotsOf(instance: Instance, image: BootImage): Slots {
  const tag = relocatableTag(image.header);
  if (!tag) throw new NoSuchBaseError('the image has no relocatable header tag, so no base can be forced');
  return {
    minAddr: tag.minAddr,
    maxAddr: tag.maxAddr,
    alignment: Math.max(tag.align, 1),
    sizeBytes: image.loaded.loadSize,
    firmware: instance.firmware,
  };
}

/**
 * What is written into the relocatable header tag: the window that leaves `base` as the one place, or that of a case;
 * undefined where the tag stays as it is, or there is none.
 * @throws NoSuchBaseError where this memory map has no such window.
 */
export function windowOf(
  instance: Instance,
  image: BootImage,
  base: number | undefined,
  map: readonly MemoryRegion[],
): RelocationWindow | undefined {
  const { header, loaded } = image;
  if (instance.base.kind === 'window') return caseWindow(instance, instance.base.name, image, map);
  const tag = relocatableTag(header);
  return base === undefined || !tag ? undefined : forcedWindow(base, loaded.loadSize, tag.align);
}

function caseWindow(
  { firmware }: Instance,
  name: string,
  image: BootImage,
  map: readonly MemoryRegion[],
): RelocationWindow {
  const found = windowCases(firmware).find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no window case is called ${name}`);
  const keepsBootServices = keepsServices(image);
  const resolved = resolveWindow(found, { map, sizeBytes: image.loaded.loadSize, keepsBootServices });
  if (typeof resolved === 'string') throw new NoSuchBaseError(resolved);
  return resolved;
}

function keepsServices({ header }: BootImage): boolean {
  return header.tags.some(({ type }) => type === 'efiBootServices');
}

/** The question that GRUB is asked with a window. */
export function windowRequest(
  window: RelocationWindow,
  image: BootImage,
  firmware: Instance['firmware'],
): WindowRequest {
  const { loadSize: sizeBytes } = image.loaded;
  return { ...window, sizeBytes, firmware, keepsBootServices: keepsServices(image) };
}

export interface ExpectationFacts {
  readonly image: BootImage;
  readonly map: readonly MemoryRegion[];
  /** What the tag gets. */
  readonly window?: RelocationWindow | undefined;
  /** Absent: the subject runs at any base. */
  readonly misalignedText?: string | undefined;
}

/** @param base what resolveBase gave. */
export function expectationOf(
  instance: Instance,
  base: number | undefined,
  facts: ExpectationFacts,
): Expectation {
  const { image, window, map } = facts;
  const { linkBase } = image.loaded;
  if (instance.base.kind === 'window' && window) {
    const placement = expectedPlacement(map, windowRequest(window, image, instance.firmware));
    const predicted =
      placement.kind === 'placed' ? `GRUB places it: ${placement.why}` : `GRUB refuses: ${placement.reason}`;
    return { kind: 'window', window, predicted };
  }
  if (instance.protocol === 'multiboot1') return { kind: 'boots', base: linkBase };
  if (base === undefined) return { kind: 'boots' };
  if (instance.grubVariant === 'no-relocation') return { kind: 'not-relocated', base, linkBase };
  const refusal = predictedRefusal(instance.firmware, base, image, facts.map);
  if (refusal) return { kind: 'refused', base, reason: refusal };
  const alignment = relocatableTag(image.header)?.align ?? 1;
  if (facts.misalignedText !== undefined && !isAligned(base, alignment))
    return { kind: 'early-error', base, text: facts.misalignedText };
  return { kind: 'boots', base };
}

/** Why GRUB must refuse `base`, or undefined where it must not. */
export function predictedRefusal(
  firmware: 'bios' | 'efi',
  base: number,
  image: BootImage,
  map: readonly MemoryRegion[],
): string | undefined {
  const sizeBytes = image.loaded.loadSize;
  const alignment = forcedWindow(base, sizeBytes, relocatableTag(image.header)?.align ?? 1).align;
  const prediction = predictPlacement(map, { base, sizeBytes, alignment, firmware });
  return prediction.kind === 'refused' ? prediction.reason : undefined;
}

/** The expectation in words, as tables and results show it. */
export function expectationText(expectation: Expectation): string {
  switch (expectation.kind) {
    case 'boots': {
      const where = expectation.base === undefined ? 'where GRUB puts it' : `at ${hex(expectation.base)}`;
      return `boots ${where}${expectation.says === undefined ? '' : ` and says ${expectation.says}`}`;
    }
    case 'window':
      return expectation.predicted;
    case 'refused':
      return `GRUB refuses: ${expectation.reason}`;
    case 'early-error':
      return `says “${expectation.text}”`;
    case 'not-relocated':
      return `negative control: lands at its link base ${hex(expectation.linkBase)}, not at ${hex(expectation.base)}`;
  }
}
