/** Rules for the ELF file around an image, as GRUB loads it. */
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { type ElfImage, MACHINE_386, MACHINE_X86_64 } from '../elf/elf-image.ts';
import { addressRange, overlapsAmong } from './address-range.ts';
import { type CheckedImage, type HeaderRule, lastTag } from './checked-image.ts';
import { SEARCH_LIMIT } from './image-header.ts';
import { breachIf } from './rule-finding.ts';

const ELF_EXECUTABLE = 2;
const ELF_SHARED = 3;
const SECTION_RELA = 4;
const SECTION_REL = 9;

export const IMAGE_ELF_RULES: readonly HeaderRule[] = [
  {
    name: 'segments-disjoint',
    severity: 'refused',
    grubError: 'overlap detected',
    demands: 'the segments of an image that is not moved do not overlap in physical memory',
    source: 'GRUB 2.06 relocator',
    breaches: (image) => (lastTag(image, 'relocatable') ? undefined : segmentOverlaps(image)),
  },
  {
    name: 'moved-segments-disjoint',
    severity: 'doubtful',
    demands: 'segments do not overlap in physical memory',
    source: 'System V ABI, “Program Header”',
    breaches: (image) => (lastTag(image, 'relocatable') ? segmentOverlaps(image) : undefined),
  },
  {
    name: 'elf-program-headers',
    severity: 'refused',
    grubError: 'program header at a too high offset',
    demands: `the program headers end within the first ${SEARCH_LIMIT} bytes`,
    source: 'GRUB 2.06 multiboot ELF loader',
    breaches: ifElf((elf, reader) => {
      const wide = elf.class === 64;
      const offset = wide ? Number(reader.u64(0x20)) : reader.u32(0x1c);
      const end = offset + reader.u16(wide ? 0x36 : 0x2a) * reader.u16(wide ? 0x38 : 0x2c);
      return breachIf(end > SEARCH_LIMIT, () => `they end at ${hex(end, 1)}`);
    }),
  },
  {
    name: 'elf-type',
    severity: 'refused',
    grubError: 'this ELF file is not of the right type',
    demands: 'the ELF file is an executable or a shared object',
    source: 'GRUB 2.06 multiboot ELF loader',
    breaches: ifElf((_elf, reader) => {
      const type = reader.u16(0x10);
      return breachIf(type !== ELF_EXECUTABLE && type !== ELF_SHARED, () => `its type is ${type}`);
    }),
  },
  {
    name: 'elf-machine',
    severity: 'refused',
    grubError: 'invalid arch-dependent ELF magic',
    demands: 'a 32-bit ELF file is for i386, a 64-bit one for x86-64',
    source: 'GRUB 2.06 multiboot ELF loader',
    breaches: ifElf((elf) =>
      breachIf(
        elf.machine !== (elf.class === 64 ? MACHINE_X86_64 : MACHINE_386),
        () => `ELF${elf.class} for machine ${elf.machine}`,
      ),
    ),
  },
  {
    name: 'elf-without-relocations',
    severity: 'refused',
    grubError: 'ELF files with relocs are not supported yet',
    demands: 'the ELF file has no relocation sections',
    source: 'GRUB 2.06 multiboot ELF loader',
    breaches: ifElf((elf) =>
      elf.sections
        .filter(({ type }) => type === SECTION_REL || type === SECTION_RELA)
        .map(({ name, index }) => `section ${index} ${name}`),
    ),
  },
];

/** The ELF headers count to a loader only where no address tag describes the image. */
function ifElf(breaches: (elf: ElfImage, reader: ByteReader) => readonly string[]): HeaderRule['breaches'] {
  return (image) =>
    image.elf && !lastTag(image, 'address')
      ? breaches(image.elf, new ByteReader(image.bytes, 'ELF header'))
      : undefined;
}

function segmentOverlaps(image: CheckedImage): readonly string[] | undefined {
  if (lastTag(image, 'address')) return undefined;
  return (
    image.loaded &&
    overlapsAmong(
      image.loaded.segments.map(({ paddr, memsz }, index) =>
        addressRange(`segment ${index}`, paddr, paddr + BigInt(memsz)),
      ),
    )
  );
}
