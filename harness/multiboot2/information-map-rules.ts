/** Rules for what boot information says of memory: the loader’s map, the basic sizes, EFI’s own map. */
import { KIB, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { type AddressRange, addressRange, covered, overlapsAmong, rangeText } from './address-range.ts';
import { fieldsOfKind, ifAny, type InformationView, placed, tagsOf, tagText } from './information-view.ts';
import { breachIf, type Rule } from './rule-finding.ts';

type InformationRule = Rule<InformationView>;

const PAGE = 4096;
const ADDRESS_SPACE_END = 1n << 64n;
const MEMORY_MAP = 6;
const EFI_MEMORY_MAP = 17;
const MAP_HEADER_SIZE = 16;
const RAM = 1;
const LOWEST_OEM_MEMORY_TYPE = 0x7000_0000;
/** EfiUnacceptedMemoryType is the last of UEFI 2.10. */
const EFI_MEMORY_TYPES = 16;
/** EFI_MEMORY_DESCRIPTOR_VERSION. */
const EFI_DESCRIPTOR_VERSION = 1;

export const MEMORY_MAP_RULES: readonly InformationRule[] = [
  {
    name: 'memory-map-entry-size',
    demands: 'the entry size is a multiple of 8, holds base, length, type and reserved, and divides the map',
    source: 'Multiboot2 §3.6.8',
    breaches: (view) => mapSizeBreaches(view, MEMORY_MAP, 24),
  },
  {
    name: 'memory-map-version',
    demands: 'the entry version is 0',
    source: 'Multiboot2 §3.6.8',
    breaches: ifAny(maps, (found) =>
      found.filter((map) => map.entryVersion !== 0).map((map) => `version ${map.entryVersion}`),
    ),
  },
  {
    name: 'memory-map-reserved-zero',
    demands: 'the reserved field of an entry is set to 0 by the boot loader',
    source: 'Multiboot2 §3.6.8',
    breaches: reservedEntries,
  },
  {
    name: 'memory-map-length',
    demands: 'an entry has a length, and ends within 64 bits',
    source: 'ACPI 6.3 §15',
    breaches: ifAny(mapEntries, (entries) =>
      entries.filter(({ start, end }) => end === start || end > ADDRESS_SPACE_END).map(rangeText),
    ),
  },
  {
    name: 'memory-map-type',
    demands: 'an entry has a type from 1 on',
    source: 'ACPI 6.3 §15 (address range types)',
    breaches: ifAny(mapEntries, (entries) => entries.filter(({ type }) => type === 0).map(rangeText)),
  },
  {
    name: 'memory-map-disjoint',
    demands: 'entries do not overlap',
    source: 'Multiboot2 §3.6.8',
    breaches: ifAny(mapEntries, overlapsAmong),
  },
  {
    name: 'memory-map-lists-ram',
    demands: 'the map lists all standard RAM, the regions of image, boot information and modules included',
    source: 'Multiboot2 §3.6.8',
    breaches: (view) =>
      ifAny(mapEntries, (entries) => {
        const ram = entries.filter(({ type }) => type === RAM);
        const missing = placed(view).filter((range) => !covered(range, ram));
        return missing.map((range) => `${rangeText(range)} is not all available memory there`);
      })(view),
  },
  {
    name: 'basic-memory-lower',
    demands: 'lower memory is at most 640 KiB, and RAM by the memory map',
    source: 'Multiboot2 §3.6.3',
    breaches: (view) => basicMemoryBreaches(view, 'lowerKib', 0n, 640),
  },
  {
    name: 'basic-memory-upper',
    demands: 'upper memory ends at most at the first hole above 1 MiB',
    source: 'Multiboot2 §3.6.3',
    breaches: (view) => basicMemoryBreaches(view, 'upperKib', BigInt(MIB), Infinity),
  },
];

export const EFI_MEMORY_MAP_RULES: readonly InformationRule[] = [
  {
    name: 'efi-map-descriptor-size',
    demands: 'the descriptor size is a multiple of 8, holds a descriptor, and divides the map',
    source: 'Multiboot2 §3.6.19, UEFI 2.6 §6.2 GetMemoryMap',
    breaches: (view) => mapSizeBreaches(view, EFI_MEMORY_MAP, 40),
  },
  {
    name: 'efi-map-descriptor-version',
    demands: 'the descriptor version is 1',
    source: 'UEFI 2.6 §6.2 GetMemoryMap',
    breaches: ifAny(efiMaps, (found) =>
      found
        .filter((map) => map.descriptorVersion !== EFI_DESCRIPTOR_VERSION)
        .map((map) => `version ${map.descriptorVersion}`),
    ),
  },
  {
    name: 'efi-map-descriptors',
    demands:
      'a descriptor has pages, begins at a page boundary and has a type of the specification, an OEM or OS',
    source: 'UEFI 2.6 §6.2 AllocatePages, GetMemoryMap',
    breaches: ifAny(efiEntries, (entries) =>
      entries
        .filter(
          ({ start, end, type }) =>
            start === end ||
            start % BigInt(PAGE) !== 0n ||
            (type >= EFI_MEMORY_TYPES && type < LOWEST_OEM_MEMORY_TYPE),
        )
        .map((entry) => `${rangeText(entry)} of type ${entry.type}`),
    ),
  },
  {
    name: 'efi-map-disjoint',
    demands: 'descriptors do not overlap',
    source: 'UEFI 2.6 §6.2 GetMemoryMap',
    breaches: ifAny(efiEntries, overlapsAmong),
  },
];

type MapEntry = AddressRange & { readonly type: number };

function maps(view: InformationView) {
  return fieldsOfKind(view, 'memoryMap');
}

function efiMaps(view: InformationView) {
  return fieldsOfKind(view, 'efiMemoryMap');
}

function mapEntries(view: InformationView): readonly MapEntry[] {
  return maps(view).flatMap(({ entries }) =>
    entries.map(({ base, length, type }, index) => ({
      ...addressRange(`memory map entry ${index}`, base, base + length),
      type,
    })),
  );
}

function efiEntries(view: InformationView): readonly MapEntry[] {
  return efiMaps(view).flatMap(({ descriptors }) =>
    descriptors.map(({ type, physicalStart, pages }, index) => ({
      ...addressRange(`EFI descriptor ${index}`, physicalStart, physicalStart + pages * BigInt(PAGE)),
      type,
    })),
  );
}

function mapSizeBreaches(
  view: InformationView,
  type: number,
  minimum: number,
): readonly string[] | undefined {
  return ifAny(
    () => tagsOf(view, type).filter(({ size }) => size >= MAP_HEADER_SIZE),
    (tags) =>
      tags.flatMap((tag) => {
        const entrySize = tag.reader.u32(8);
        const broken =
          entrySize < minimum || entrySize % 8 !== 0 || (tag.size - MAP_HEADER_SIZE) % entrySize !== 0;
        return breachIf(broken, () => `${tagText(tag)}: ${tag.size} bytes with entries of ${entrySize}`);
      }),
  )(view);
}

function reservedEntries(view: InformationView): readonly string[] | undefined {
  const whole = tagsOf(view, MEMORY_MAP).filter(({ fields }) => fields !== undefined);
  if (whole.length === 0) return undefined;
  return whole.flatMap(({ reader, fields }) => {
    if (fields?.type !== 'memoryMap') return [];
    return fields.entries
      .map((_, index) => [index, reader.u32(MAP_HEADER_SIZE + index * fields.entrySize + 20)] as const)
      .filter(([, reserved]) => reserved !== 0)
      .map(([index, reserved]) => `memory map entry ${index} has ${hex(reserved)}`);
  });
}

function basicMemoryBreaches(
  view: InformationView,
  field: 'lowerKib' | 'upperKib',
  from: bigint,
  mostKib: number,
): readonly string[] | undefined {
  const [basic] = fieldsOfKind(view, 'basicMemory');
  if (!basic) return undefined;
  const range = addressRange(`memory of ${basic[field]} KiB`, from, from + BigInt(basic[field] * KIB));
  const entries = mapEntries(view);
  const ram = entries.filter(({ type }) => type === RAM);
  const isRam = entries.length === 0 || covered(range, ram);
  return breachIf(basic[field] > mostKib || !isRam, () => rangeText(range));
}
