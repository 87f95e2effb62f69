/** Rules for the tables that boot information carries: framebuffer, ELF sections, firmware's own tables. */
import { hex } from '../bits/hex.ts';
import { fieldsOfKind, type InformationView, tagsOf, tagText, type ViewedTag } from './information-view.ts';
import { breachIf, type Rule } from './rule-finding.ts';

type InformationRule = Rule<InformationView>;

const FRAMEBUFFER_HEADER_SIZE = 32;
const PIXEL_BITS = new Set([8, 15, 16, 24, 32]);
/** EGA text: a character and its attribute (§3.6.12). */
const TEXT_CELL_BITS = 16;
const ELF_SECTION_SIZES = new Set([40, 64]);
const ELF_SECTIONS_HEADER_SIZE = 20;
const OLD_RSDP_SIZE = 20;
const NEW_RSDP_SIZE = 36;
const RSDP_SIGNATURE = 'RSD PTR ';

export const FRAMEBUFFER_RULES: readonly InformationRule[] = [
  {
    name: 'framebuffer-size',
    demands: 'the tag ends with its colours: a palette, three fields, or nothing for EGA text',
    source: 'Multiboot2 §3.6.12, multiboot2.h',
    breaches: eachTag(8, FRAMEBUFFER_HEADER_SIZE, ({ fields, size }) => {
      if (fields?.type !== 'framebuffer') return ['its colours reach beyond the tag'];
      const { kind } = fields.colours;
      if (kind === 'unknown') return [];
      const colours = kind === 'rgb' ? 6 : kind === 'egaText' ? 0 : 2 + 3 * fields.colours.palette.length;
      return breachIf(size !== FRAMEBUFFER_HEADER_SIZE + colours, () => `${size} bytes for ${kind} colours`);
    }),
  },
  {
    name: 'framebuffer-type',
    demands: 'the framebuffer is indexed, RGB or EGA text',
    source: 'Multiboot2 §3.6.12',
    breaches: eachTag(8, FRAMEBUFFER_HEADER_SIZE, ({ reader }) =>
      breachIf(reader.u8(29) > 2, () => `type ${reader.u8(29)}`),
    ),
  },
  {
    name: 'framebuffer-shape',
    demands: 'address, width and height are there and a line holds its pixels or characters',
    source: 'Multiboot2 §3.6.12',
    breaches: (view) => {
      const found = fieldsOfKind(view, 'framebuffer');
      if (found.length === 0) return undefined;
      return found.flatMap(({ address, pitch, width, height, bitsPerPixel, colours }) => {
        const isText = colours.kind === 'egaText';
        const depthFits = isText ? bitsPerPixel === TEXT_CELL_BITS : PIXEL_BITS.has(bitsPerPixel);
        const lineFits = pitch >= width * Math.ceil(bitsPerPixel / 8);
        const sound = address !== 0n && width > 0 && height > 0 && depthFits && lineFits;
        return breachIf(
          !sound,
          () => `${width} × ${height} at ${hex(address)}, ${bitsPerPixel} bits each, ${pitch} bytes a line`,
        );
      });
    },
  },
  {
    name: 'framebuffer-colour-fields',
    demands: 'the colour fields of a pixel lie within it and do not overlap',
    source: 'Multiboot2 §3.6.12',
    breaches: (view) => {
      const found = fieldsOfKind(view, 'framebuffer').filter(({ colours }) => colours.kind === 'rgb');
      return found.length === 0 ? undefined : found.flatMap(colourBreaches);
    },
  },
  {
    name: 'vbe-signature',
    demands: 'the control information is what VBE function 00h returns',
    source: 'Multiboot2 §3.6.11, VBE 3.0 §4.3',
    breaches: eachTag(7, 784, ({ reader }) =>
      breachIf(
        reader.cString(16, 4) !== 'VESA',
        () => `it begins with ${hex(reader.u32(16))}, not with VESA`,
      ),
    ),
  },
];

export const TABLE_RULES: readonly InformationRule[] = [
  {
    name: 'elf-sections-size',
    demands: 'the tag holds as many section headers of the given size as it says',
    source: 'Multiboot2 §3.6.7, multiboot2.h',
    breaches: eachTag(9, ELF_SECTIONS_HEADER_SIZE, ({ reader, size }) => {
      const [count, entrySize] = [reader.u32(8), reader.u32(12)];
      const needed = ELF_SECTIONS_HEADER_SIZE + count * entrySize;
      return breachIf(size !== needed, () => `${count} headers of ${entrySize} bytes in a tag of ${size}`);
    }),
  },
  {
    name: 'elf-sections-entry',
    demands: 'section headers have 40 or 64 bytes, and the names’ section is one of them',
    source: 'Multiboot2 §3.6.7, System V ABI',
    breaches: eachTag(9, ELF_SECTIONS_HEADER_SIZE, ({ reader }) => {
      const [count, entrySize, names] = [reader.u32(8), reader.u32(12), reader.u32(16)];
      const broken = count > 0 && (!ELF_SECTION_SIZES.has(entrySize) || names >= count);
      return breachIf(broken, () => `${count} headers of ${entrySize} bytes, names in section ${names}`);
    }),
  },
  {
    name: 'acpi-old-rsdp',
    demands: 'the copy of an RSDP has its signature and a right checksum',
    source: 'Multiboot2 §3.6.16, ACPI 1.0 §5.2.4.1',
    breaches: eachTag(14, 8 + OLD_RSDP_SIZE, (tag) => rsdpBreaches(tag, OLD_RSDP_SIZE)),
  },
  {
    name: 'acpi-new-rsdp',
    demands:
      'the copy of an RSDP has its signature, revision 2 or later, its length and both checksums right',
    source: 'Multiboot2 §3.6.17, ACPI 2.0 §5.2.5.3',
    breaches: eachTag(15, 8, newRsdpBreaches),
  },
  {
    name: 'smbios-tables',
    demands: 'SMBIOS tables come with their version, the six reserved bytes zero',
    source: 'Multiboot2 §3.6.15',
    breaches: eachTag(13, 16, ({ reader, size }) => {
      const reserved = reader.slice(10, 6).some((byte) => byte !== 0);
      const broken = reader.u8(8) < 2 || size === 16 || reserved;
      return breachIf(
        broken,
        () => `version ${reader.u8(8)}.${reader.u8(9)} with ${size - 16} bytes of tables`,
      );
    }),
  },
];

/** A rule on each tag of a type that has at least its fixed part; shorter ones are another rule's. */
function eachTag(
  type: number,
  minimumSize: number,
  breaches: (tag: ViewedTag) => readonly string[],
): (view: InformationView) => readonly string[] | undefined {
  return (view) => {
    const tags = tagsOf(view, type).filter(({ size }) => size >= minimumSize);
    if (tags.length === 0) return undefined;
    return tags.flatMap((tag) => breaches(tag).map((text) => `${tagText(tag)}: ${text}`));
  };
}

function colourBreaches({
  bitsPerPixel,
  colours,
}: ReturnType<typeof fieldsOfKind<'framebuffer'>>[number]): readonly string[] {
  if (colours.kind !== 'rgb') return [];
  const fields = [colours.red, colours.green, colours.blue];
  const bits = fields.flatMap(({ position, size }) =>
    Array.from({ length: size }, (_, bit) => position + bit),
  );
  const sound = new Set(bits).size === bits.length && bits.every((bit) => bit < bitsPerPixel);
  const shown = fields.map(({ position, size }) => `${size} bits from ${position}`).join(', ');
  return breachIf(!sound, () => `red, green, blue are ${shown} in pixels of ${bitsPerPixel} bits`);
}

function newRsdpBreaches(tag: ViewedTag): readonly string[] {
  const sizeBytes = tag.size - 8;
  if (sizeBytes < NEW_RSDP_SIZE) return [`${sizeBytes} bytes, an RSDP since ACPI 2.0 has ${NEW_RSDP_SIZE}`];
  const [revision, length] = [tag.reader.u8(8 + 15), tag.reader.u32(8 + 20)];
  return [
    ...rsdpBreaches(tag, OLD_RSDP_SIZE),
    ...breachIf(revision < 2, () => `revision ${revision}`),
    ...breachIf(length !== sizeBytes, () => `its length says ${length}, the copy has ${sizeBytes} bytes`),
    ...breachIf(sum(tag.reader.slice(8, sizeBytes)) !== 0, () => 'the extended checksum is wrong'),
  ];
}

function rsdpBreaches({ reader }: ViewedTag, sizeBytes: number): readonly string[] {
  const signature = Buffer.from(reader.slice(8, 8)).toString('latin1');
  return [
    ...breachIf(signature !== RSDP_SIGNATURE, () => `its signature is ${JSON.stringify(signature)}`),
    ...breachIf(sum(reader.slice(8, sizeBytes)) !== 0, () => 'its checksum is wrong'),
  ];
}

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
}
