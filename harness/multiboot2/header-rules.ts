/**
 * Rules for the Multiboot2 header of any image, before a loader sees it. Sections are those of the Multiboot2
 * Specification 2.0. What parseMultiboot2Header or loadedImage refuses (no header, tags cut short, no end tag, nothing
 * to load) never gets here: those errors are refusals of their own.
 */
import { alignUp, isAligned } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { type CheckedImage, type HeaderFinding, type HeaderRule, lastTag, rawTag } from './checked-image.ts';
import { type HeaderTag, minimumHeaderTagSize, TAG_ALIGNMENT, TAG_HEADER_SIZE } from './header-tags.ts';
import { SEARCH_LIMIT } from './image-header.ts';
import { IMAGE_ELF_RULES } from './image-elf-rules.ts';
import { IMAGE_RULES } from './image-rules.ts';
import { MULTIBOOT2_HEADER_MAGIC } from './magic.ts';
import { breachIf, judge } from './rule-finding.ts';

const MAGIC_FIELDS_SIZE = 16;
const LAST_INFORMATION_TYPE = 21;
/** GRUB 2.06's list of the types it knows leaves out SMBIOS, though the specification has it. */
const SMBIOS = 13;
const EFI32_ENTRY = 8;
const HIGHEST_PREFERENCE = 2;
const CONSOLE_FLAGS = 3;

const TAG_RULES: readonly HeaderRule[] = [
  {
    name: 'header-place',
    severity: 'refused',
    grubError: 'no multiboot header found',
    demands: `the header lies within the first ${SEARCH_LIMIT} bytes, at a multiple of 8`,
    source: 'Multiboot2 §3.1',
    breaches: ({ header: { offset, length } }) =>
      breachIf(
        !isAligned(offset, TAG_ALIGNMENT) || offset + length > SEARCH_LIMIT,
        () => `${length} bytes at offset ${hex(offset, 1)}`,
      ),
  },
  {
    name: 'header-checksum',
    severity: 'refused',
    grubError: 'no multiboot header found',
    demands: 'magic, architecture, length and checksum add up to zero',
    source: 'Multiboot2 §3.1.2',
    breaches: (image) => {
      const [magic, architecture, length, checksum] = magicFields(image);
      const sum = (magic + architecture + length + checksum) % 2 ** 32;
      return breachIf(magic !== MULTIBOOT2_HEADER_MAGIC || sum !== 0, () => `they add up to ${hex(sum)}`);
    },
  },
  {
    name: 'header-architecture',
    severity: 'refused',
    grubError: 'no multiboot header found',
    demands: 'the architecture is 0, 32-bit protected mode of i386',
    source: 'Multiboot2 §3.1.2',
    breaches: ({ header: { architecture } }) => breachIf(architecture !== 0, () => `it is ${architecture}`),
  },
  {
    name: 'header-length',
    severity: 'doubtful',
    demands: 'the header ends with its end tag',
    source: 'Multiboot2 §3.1.2',
    breaches: ({ header: { offset, length, tags } }) => {
      const last = tags.at(-1);
      const endTag = last ? alignUp(last.offset + last.size, TAG_ALIGNMENT) : offset + MAGIC_FIELDS_SIZE;
      const real = endTag + TAG_HEADER_SIZE - offset;
      return breachIf(real !== length, () => `its length says ${length}, it ends after ${real} bytes`);
    },
  },
  {
    name: 'header-tag-size',
    severity: 'doubtful',
    demands: 'a tag has the size of its type, an information request that of whole numbers',
    source: 'Multiboot2 §3.1.3–§3.1.13',
    breaches: (image) => image.header.tags.filter((tag) => !hasItsSize(image, tag)).map(tagText),
  },
  {
    name: 'header-tag-flags',
    severity: 'doubtful',
    demands: 'of a tag’s flags only bit 0, optional, is used',
    source: 'Multiboot2 §3.1.3',
    breaches: (image) => image.header.tags.filter((tag) => rawTag(image, tag).flags > 1).map(tagText),
  },
  {
    name: 'required-tags-known',
    severity: 'refused',
    grubError: 'unsupported tag: 0x',
    demands: 'a loader knows every tag that is not marked optional',
    source: 'Multiboot2 §3.1.3',
    breaches: ({ header: { tags } }) =>
      tags.filter((tag) => tag.type === 'unknown' && tag.required).map(tagText),
  },
  {
    name: 'efi32-entry-optional',
    severity: 'refused',
    grubError: `unsupported tag: ${hex(EFI32_ENTRY, 1)}`,
    demands: 'the EFI i386 entry address tag is marked optional: GRUB 2.06 does not know it',
    source: 'GRUB 2.06 multiboot2 loader (the specification has it in §3.1.7)',
    breaches: (image) => {
      const tags = image.header.tags.filter(({ type }) => type === 'entryAddressEfi32');
      return tags.length === 0 ? undefined : tags.filter(({ required }) => required).map(tagText);
    },
  },
  {
    name: 'tags-once',
    severity: 'doubtful',
    demands: 'a tag comes once, information requests aside: of several the last counts to GRUB',
    source: 'Multiboot2 §3.1.3, GRUB 2.06 multiboot2 loader',
    breaches: ({ header: { tags } }) => repeated(tags).map(tagText),
  },
  {
    name: 'requests-known',
    severity: 'refused',
    grubError: 'unsupported information tag: 0x',
    demands: 'a required request names information that the specification knows',
    source: 'Multiboot2 §3.1.4',
    breaches: (image) =>
      ifRequests(image, (types) =>
        types.filter((type) => type > LAST_INFORMATION_TYPE).map((type) => `type ${type} is requested`),
      ),
  },
  {
    name: 'requests-served',
    severity: 'refused',
    grubError: `unsupported information tag: ${hex(SMBIOS, 1)}`,
    demands: 'SMBIOS is not requested as required: GRUB 2.06 does not hand it over',
    source: 'GRUB 2.06 multiboot2 loader (the specification has it in §3.6.15)',
    breaches: (image) =>
      ifRequests(image, (types) =>
        types.filter((type) => type === SMBIOS).map((type) => `type ${type} is requested`),
      ),
  },
  {
    name: 'relocatable-preference',
    severity: 'doubtful',
    demands: 'the preference is 0 (none), 1 (low) or 2 (high)',
    source: 'Multiboot2 §3.1.13',
    breaches: (image) => {
      const tag = lastTag(image, 'relocatable');
      const preference = tag && new ByteReader(image.bytes, 'relocatable header tag').u32(tag.offset + 20);
      return preference === undefined
        ? undefined
        : breachIf(preference > HIGHEST_PREFERENCE, () => `it is ${preference}`);
    },
  },
  {
    name: 'console-flags',
    severity: 'doubtful',
    demands: 'of the console flags only bits 0 and 1 are used',
    source: 'Multiboot2 §3.1.9',
    breaches: (image) => {
      const tag = lastTag(image, 'consoleFlags');
      const flags = tag && new ByteReader(image.bytes, 'console flags').u32(tag.offset + 8);
      return flags === undefined
        ? undefined
        : breachIf(flags > CONSOLE_FLAGS, () => `they are ${hex(flags)}`);
    },
  },
];

export const HEADER_RULES: readonly HeaderRule[] = [...TAG_RULES, ...IMAGE_RULES, ...IMAGE_ELF_RULES];

/** One finding for each rule that applies, with what a breach means to a loader. */
export function checkHeader(image: CheckedImage): HeaderFinding[] {
  return HEADER_RULES.flatMap((rule) =>
    judge([rule], image).map((finding) => ({
      ...finding,
      severity: rule.severity,
      ...(rule.grubError === undefined ? {} : { grubError: rule.grubError }),
    })),
  );
}

function magicFields({ bytes, header }: CheckedImage): [number, number, number, number] {
  const reader = new ByteReader(bytes, 'Multiboot2 header');
  const field = (index: number): number => reader.u32(header.offset + index * 4);
  return [field(0), field(1), field(2), field(3)];
}

function hasItsSize(image: CheckedImage, tag: HeaderTag): boolean {
  if (tag.type === 'unknown') return true;
  if (tag.type === 'informationRequest') return (tag.size - TAG_HEADER_SIZE) % 4 === 0;
  return tag.size === minimumHeaderTagSize(rawTag(image, tag).type);
}

function repeated(tags: readonly HeaderTag[]): readonly HeaderTag[] {
  return tags.filter(
    ({ type }, index) =>
      type !== 'unknown' &&
      type !== 'informationRequest' &&
      tags.findIndex((other) => other.type === type) !== index,
  );
}

/** Types in required requests; undefined where there are none. */
function ifRequests(
  { header }: CheckedImage,
  breaches: (types: readonly number[]) => readonly string[],
): readonly string[] | undefined {
  const types = header.tags.flatMap((tag) =>
    tag.type === 'informationRequest' && tag.required ? tag.tagTypes : [],
  );
  return types.length === 0 ? undefined : breaches(types);
}

function tagText(tag: HeaderTag): string {
  const name = tag.type === 'unknown' ? `type ${tag.typeNumber}` : tag.type;
  return `${name} at offset ${hex(tag.offset, 1)} with ${tag.size} bytes`;
}
