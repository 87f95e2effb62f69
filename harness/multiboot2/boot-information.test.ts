import t from 'tap';
import { BootInformationError, findTag, findTags, parseBootInformation } from './boot-information.ts';
import { type BuiltTag, information, padded, words } from './testdata/image-builder.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
const efiDescriptor = words(7, 0, 0x100000, 0, 0, 0, 0x40, 0, 0xf, 0x80000000, 0, 0);

const EVERY_TAG: readonly [BuiltTag, object][] = [
  [
    { type: 1, payload: text('console=com1 ä') },
    { type: 'commandLine', commandLine: 'console=com1 ä', size: 24 },
  ],
  [
    { type: 2, payload: text('GRUB 2.06') },
    { type: 'bootLoaderName', name: 'GRUB 2.06' },
  ],
  [
    { type: 3, payload: Uint8Array.from([...words(0x1000, 0x2000), ...text('vmlinuz')]) },
    { type: 'module', start: 0x1000, end: 0x2000, commandLine: 'vmlinuz' },
  ],
  [
    { type: 4, payload: [639, 523264] },
    { type: 'basicMemory', lowerKib: 639, upperKib: 523264 },
  ],
  [
    { type: 5, payload: [0x80, 1, 0xffffffff] },
    { type: 'bootDevice', biosDevice: 0x80, partition: 1 },
  ],
  [
    { type: 6, payload: [24, 0, 0, 0, 0x9fc00, 0, 1, 0, 0, 0xff, 0x1000, 1, 2, 0] },
    {
      type: 'memoryMap',
      entrySize: 24,
      entryVersion: 0,
      entries: [
        { base: 0n, length: 0x9fc00n, type: 1 },
        { base: 0xff_0000_0000n, length: 0x1_0000_1000n, type: 2 },
      ],
    },
  ],
  [
    { type: 7, payload: Uint8Array.from({ length: 776 }, (_, index) => index % 251) },
    { type: 'vbe', mode: 0x100, interfaceSegment: 0x302, interfaceOffset: 0x504, interfaceLength: 0x706 },
  ],
  [
    { type: 8, payload: [0xe0000000, 0, 4096, 1024, 768, 0x0120, 0x08080810, 0x0800] },
    {
      type: 'framebuffer',
      address: 0xe0000000n,
      pitch: 4096,
      width: 1024,
      height: 768,
      bitsPerPixel: 32,
      colours: { kind: 'rgb', red: { position: 16, size: 8 }, green: { position: 8, size: 8 } },
    },
  ],
  [
    { type: 9, payload: [3, 40, 2, 1, 2] },
    { type: 'elfSections', count: 3, entrySize: 40, namesIndex: 2 },
  ],
  [
    { type: 10, payload: [0xf0000102, 0x1234, 0x00400050, 3, 0] },
    { type: 'apm', version: 0x102, codeSegment: 0xf000, offset32: 0x1234, dataSegment: 0x40, flags: 3 },
  ],
  [
    { type: 11, payload: [0x7e000000] },
    { type: 'efi32SystemTable', pointer: 0x7e000000 },
  ],
  [
    { type: 12, payload: [0x7e000000, 1] },
    { type: 'efi64SystemTable', pointer: 0x1_7e00_0000n },
  ],
  [
    { type: 13, payload: [0x0802, 0, 0xabcd] },
    { type: 'smbios', major: 2, minor: 8 },
  ],
  [
    { type: 14, payload: text('RSD PTR ') },
    { type: 'acpiOld', rsdp: text('RSD PTR ') },
  ],
  [
    { type: 15, payload: text('RSD PTR 2') },
    { type: 'acpiNew', rsdp: text('RSD PTR 2') },
  ],
  [
    { type: 16, payload: [1] },
    { type: 'network', dhcpAck: words(1) },
  ],
  [
    { type: 17, payload: Uint8Array.from([...words(48, 1), ...efiDescriptor]) },
    {
      type: 'efiMemoryMap',
      descriptorSize: 48,
      descriptorVersion: 1,
      descriptors: [{ type: 7, physicalStart: 0x100000n, pages: 0x40n, attribute: 0x8000_0000_0000_000fn }],
    },
  ],
  [{ type: 18 }, { type: 'efiBootServicesNotTerminated' }],
  [
    { type: 19, payload: [0x1234] },
    { type: 'efi32ImageHandle', pointer: 0x1234 },
  ],
  [
    { type: 20, payload: [0x1234, 0] },
    { type: 'efi64ImageHandle', pointer: 0x1234n },
  ],
  [
    { type: 21, payload: [0x9c000000] },
    { type: 'loadBaseAddress', address: 0x9c000000 },
  ],
  [
    { type: 77, payload: [5] },
    { type: 'unknown', typeNumber: 77, payload: words(5) },
  ],
];

t.test('every kind of tag', (t) => {
  const bytes = information(EVERY_TAG.map(([tag]) => tag));
  const parsed = parseBootInformation(padded(bytes, new Uint8Array(100)));
  t.equal(parsed.totalSize, bytes.length, 'bytes beyond the total are left alone');
  t.equal(parsed.tags.length, EVERY_TAG.length + 1);
  EVERY_TAG.forEach(([, expected], index) => t.match(parsed.tags[index], expected));
  t.match(parsed.tags.at(-1), { type: 'end', size: 8, at: bytes.length - 8 });
  t.equal(findTag(parsed, 'loadBaseAddress')?.address, 0x9c000000);
  t.end();
});

t.test('tags by type', (t) => {
  const parsed = parseBootInformation(
    information([
      { type: 3, payload: [1, 2] },
      { type: 3, payload: [3, 4] },
    ]),
  );
  t.strictSame(
    findTags(parsed, 'module').map((module) => [module.start, module.commandLine]),
    [
      [1, ''],
      [3, ''],
    ],
  );
  t.equal(findTag(parsed, 'vbe'), undefined);
  t.end();
});

t.test('framebuffer colours of each kind', (t) => {
  const colours = (kind: number, ...more: number[]): unknown => {
    const payload = Uint8Array.from([...words(0, 0, 160, 80, 25), 16, kind, 0, 0, ...more]);
    return findTag(parseBootInformation(information([{ type: 8, payload }])), 'framebuffer')?.colours;
  };
  t.strictSame(colours(2), { kind: 'egaText' });
  t.strictSame(colours(9), { kind: 'unknown', typeNumber: 9 });
  t.strictSame(colours(0, 2, 0, 1, 2, 3, 4, 5, 6), {
    kind: 'indexed',
    palette: [
      [1, 2, 3],
      [4, 5, 6],
    ],
  });
  t.throws(() => colours(0, 0xff, 0xff, 1, 2, 3), { name: 'BootInformationError', message: /cut short/ });
  t.throws(() => colours(1), { name: 'BootInformationError' });
  t.end();
});

t.test('impossible sizes are named with their place', (t) => {
  const after = { type: 4, payload: [1, 2] };
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /0 bytes; its fixed part has 8/],
    [words(0, 0, 0, 8), /total size 0 leaves no room/],
    [words(15, 0, 0, 8), /total size 15 leaves no room/],
    [words(4096, 0, 0, 8), /total size is 4096 bytes, 16 were read/],
    [information([after, { type: 9, size: 0 }]), /tag 1 at offset 0x18: size 0 is less than the 20/],
    [information([{ type: 77, size: 4 }]), /tag 0 at offset 0x8: size 4 is less than the 8/],
    [information([{ type: 21 }]), /size 8 is less than the 12 bytes of type 21/],
    [information([after, { type: 1, size: 0xfffffff0 }]), /size 4294967280 reaches beyond the total of/],
    [information([after], 24), /tag 1 at offset 0x18: its 24 bytes end without an end tag/],
    [information([{ type: 6, payload: [0, 0] }]), /memory map entry of 0 bytes; 24 are needed/],
    [information([{ type: 6, payload: [24, 0, 1] }]), /4 bytes are no whole number of 24-byte entries/],
    [information([{ type: 17, payload: [8, 1] }]), /EFI memory descriptor of 8 bytes; 40 are needed/],
  ];
  for (const [bytes, message] of cases)
    t.throws(() => parseBootInformation(bytes), { name: 'BootInformationError', message });
  t.end();
});

t.test('no flipped byte makes it loop or throw anything unnamed', (t) => {
  const bytes = information(EVERY_TAG.map(([tag]) => tag));
  for (let offset = 0; offset < bytes.length; offset++)
    for (const value of [0, 3, 0x80, 0xff]) {
      const altered = Uint8Array.from(bytes);
      altered[offset] = value;
      try {
        parseBootInformation(altered);
      } catch (error) {
        if (!(error instanceof BootInformationError)) throw error;
      }
    }
  t.end();
});
