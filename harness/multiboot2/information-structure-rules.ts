/**
 * Rules for the frame of boot information: its place, its sizes, its tags as such. Section numbers are those of the
 * Multiboot2 Specification 2.0. The bytes that pad a tag are not looked at: the specification leaves them open.
 */
import { isAligned } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { overlapsWith } from './address-range.ts';
import { BOOT_INFORMATION_LAYOUTS } from './boot-information-layouts.ts';
import { END_TAG, TAG_ALIGNMENT, TAG_HEADER_SIZE } from './header-tags.ts';
import {
  FIXED_PART_SIZE,
  imageRange,
  informationRange,
  type InformationView,
  moduleRanges,
  tagText,
  type ViewedTag,
} from './information-view.ts';
import { breachIf, type Rule } from './rule-finding.ts';

/** Types whose tags have one size only (multiboot2.h); an old RSDP has 20 bytes (ACPI 1.0 §5.2.4.1). */
const ONE_SIZE = new Set([0, 4, 5, 7, 10, 11, 12, 18, 19, 20, 21]);
/** "Appears once per module" (§3.6.6), "once per card" (§3.6.18). */
const MAY_REPEAT = new Set([3, 16]);
/** Type → where its NUL-terminated text begins. */
const TEXT_AT: Readonly<Record<number, number>> = { 1: 8, 2: 8, 3: 16 };
const FOUR_GIB = 0x1_0000_0000;
const FIRST_PAGE_END = 0x1000;

type InformationRule = Rule<InformationView>;

export const INFORMATION_STRUCTURE_RULES: readonly InformationRule[] = [
  {
    name: 'total-size',
    demands: 'the total size counts all of it, at least the fixed part and an end tag',
    source: 'Multiboot2 §3.6.1',
    breaches: ({ fixed, readSize }) =>
      breachIf(
        !hasSoundSize({ fixed, readSize }),
        () => `total size ${fixed?.totalSize}, ${readSize} bytes read`,
      ),
  },
  {
    name: 'reserved-zero',
    demands: 'the reserved field is set to zero',
    source: 'Multiboot2 §3.6.1',
    breaches: ({ fixed }) =>
      fixed && breachIf(fixed.reserved !== 0, () => `the reserved field is ${hex(fixed.reserved)}`),
  },
  {
    name: 'information-aligned',
    demands: 'the boot information begins at a multiple of 8, and so does each of its tags',
    source: 'Multiboot2 §3.6.1',
    breaches: ({ given: { address } }) =>
      breachIf(!isAligned(address, TAG_ALIGNMENT), () => `it is at ${hex(address)}`),
  },
  {
    name: 'information-above-first-page',
    demands: 'the boot information is not in the first page, so that its address is never taken for none',
    source: 'GRUB commit 0f3f5b7c1',
    breaches: ({ given: { address } }) =>
      breachIf(address < FIRST_PAGE_END, () => `it is at ${hex(address)}`),
  },
  {
    name: 'information-below-4gib',
    demands: 'EBX holds its 32-bit physical address, and none of it is loaded above 4 GiB',
    source: 'Multiboot2 §3.3, §3.5',
    breaches: (view) =>
      breachIf(informationRange(view).end > FOUR_GIB, () => `it ends at ${hex(informationRange(view).end)}`),
  },
  {
    name: 'information-clear-of-image',
    demands: 'the boot information and the image do not overlap',
    source: 'Multiboot2 §3.6.1',
    breaches: (view) => overlapsWith(informationRange(view), [imageRange(view)]),
  },
  {
    name: 'information-clear-of-modules',
    demands: 'the boot information and the modules do not overlap',
    source: 'Multiboot2 §3.6.6',
    breaches: (view) => overlapsWith(informationRange(view), moduleRanges(view)),
  },
  {
    name: 'tag-within-total',
    demands: 'every tag ends within the total size',
    source: 'Multiboot2 §3.6.2',
    breaches: ({ walk, fixed }) =>
      breachIf(
        walk.kind === 'impossible-size' && walk.size >= TAG_HEADER_SIZE,
        () => `${walkEndText(walk)} reaches beyond the total size ${fixed?.totalSize}`,
      ),
  },
  {
    name: 'tag-size',
    demands: 'a tag has the size of its type, and no less than its fixed fields',
    source: 'Multiboot2 §3.6.2, multiboot2.h',
    breaches: ({ walk, tags }) => [
      ...tags.flatMap(sizeBreach),
      ...breachIf(walk.kind === 'impossible-size' && walk.size < TAG_HEADER_SIZE, () => walkEndText(walk)),
    ],
  },
  {
    name: 'tag-types-known',
    demands: 'tags are of the types 0 to 21',
    source: 'Multiboot2 §3.6',
    breaches: ({ tags, given: { toldBase } }) => {
      const foreign = typeof toldBase === 'object' ? toldBase.asType : undefined;
      return tags.filter(({ type }) => !BOOT_INFORMATION_LAYOUTS[type] && type !== foreign).map(tagText);
    },
  },
  {
    name: 'tag-once',
    demands: 'only module and network tags come more than once',
    source: 'Multiboot2 §3.6.6, §3.6.18',
    breaches: ({ tags }) => repeated(tags).map((tag) => `${tagText(tag)} is not the first of its type`),
  },
  {
    name: 'end-tag',
    demands: 'tags are terminated by a tag of type 0 and size 8',
    source: 'Multiboot2 §3.6.1',
    breaches: ({ walk, fixed }) =>
      walk.kind === 'impossible-size'
        ? undefined
        : breachIf(walk.kind === 'no-end-tag', () => `${fixed?.totalSize ?? 0} bytes without an end tag`),
  },
  {
    name: 'end-tag-last',
    demands: 'the total size ends with the end tag',
    source: 'Multiboot2 §3.6.1',
    breaches: ({ walk, fixed, readSize, end }) =>
      walk.kind !== 'end-tag' || !hasSoundSize({ fixed, readSize })
        ? undefined
        : breachIf(
            end !== fixed?.totalSize,
            () => `the end tag ends at ${end}, total size ${fixed?.totalSize}`,
          ),
  },
  {
    name: 'text-terminated',
    demands: 'texts are terminated by a NUL within their tag',
    source: 'Multiboot2 §3.6.5, §3.6.6, §3.6.9',
    breaches: ({ tags }) =>
      texts(tags)
        .filter(([, text]) => !text.includes(0))
        .map(([tag]) => tagText(tag)),
  },
  {
    name: 'text-utf8',
    demands: 'texts are UTF-8',
    source: 'Multiboot2 §3.6.5, §3.6.6, §3.6.9',
    breaches: ({ tags }) =>
      texts(tags)
        .filter(([, text]) => !isUtf8(text))
        .map(([tag]) => tagText(tag)),
  },
];

function hasSoundSize({ fixed, readSize }: Pick<InformationView, 'fixed' | 'readSize'>): boolean {
  return (
    fixed !== undefined && fixed.totalSize >= FIXED_PART_SIZE + TAG_HEADER_SIZE && fixed.totalSize <= readSize
  );
}

function walkEndText(walk: InformationView['walk']): string {
  if (walk.kind !== 'impossible-size') return walk.kind;
  return `the tag of type ${walk.type} at offset ${hex(walk.at, 1)} with its size ${walk.size}`;
}

function sizeBreach(tag: ViewedTag): readonly string[] {
  const { type, size } = tag;
  const minimum = type === 14 ? TAG_HEADER_SIZE + 20 : BOOT_INFORMATION_LAYOUTS[type]?.minimumSize;
  if (minimum === undefined) return [];
  const exact = ONE_SIZE.has(type) || type === 14;
  const broken = exact ? size !== minimum : size < minimum;
  return breachIf(
    broken,
    () => `${tagText(tag)} has ${size} bytes, not ${exact ? '' : 'at least '}${minimum}`,
  );
}

function repeated(tags: readonly ViewedTag[]): readonly ViewedTag[] {
  const seen = new Set<number>();
  return tags.filter(({ type }) => {
    if (type === END_TAG || MAY_REPEAT.has(type) || !BOOT_INFORMATION_LAYOUTS[type]) return false;
    if (seen.has(type)) return true;
    seen.add(type);
    return false;
  });
}

function texts(tags: readonly ViewedTag[]): readonly (readonly [ViewedTag, Uint8Array])[] {
  return tags.flatMap((tag) => {
    const from = TEXT_AT[tag.type];
    if (from === undefined || tag.size < from) return [];
    return [[tag, tag.reader.slice(from, tag.size - from)] as const];
  });
}

/** Up to the NUL: what follows it is nobody's. */
function isUtf8(text: Uint8Array): boolean {
  const end = text.indexOf(0);
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? text : text.subarray(0, end));
    return true;
  } catch {
    return false;
  }
}
