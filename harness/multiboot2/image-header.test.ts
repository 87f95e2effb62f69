import t from 'tap';
import { parseMultiboot2Header } from './image-header.ts';
import { header, image, RELOCATABLE } from './testdata/image-builder.ts';

function at(offset: number, bytes: Uint8Array, length = offset + bytes.length): Uint8Array {
  const file = new Uint8Array(length);
  file.set(bytes, offset);
  return file;
}

t.test('every kind of header tag', (t) => {
  const parsed = parseMultiboot2Header(
    image(
      header([
        { type: 1, payload: [4, 6] },
        { type: 2, payload: [0x200100, 0x200000, 0x300000, 0] },
        { type: 3, payload: [0x200010] },
        { type: 4, payload: [2] },
        { type: 5, optional: true, payload: [80, 25, 0] },
        { type: 6 },
        { type: 7, optional: true },
        { type: 8, payload: [0x200020] },
        { type: 9, payload: [0x200030] },
        RELOCATABLE,
        { type: 99, payload: [7] },
      ]),
    ),
  );
  t.match(parsed, { offset: 0x80, architecture: 0 });
  t.match(parsed.tags, [
    { type: 'informationRequest', tagTypes: [4, 6], offset: 0x90, size: 16, required: true },
    { type: 'address', headerAddr: 0x200100, loadAddr: 0x200000, loadEndAddr: 0x300000, bssEndAddr: 0 },
    { type: 'entryAddress', entryAddr: 0x200010, size: 12 },
    { type: 'consoleFlags', consoleRequired: false, egaTextSupported: true },
    { type: 'framebuffer', width: 80, height: 25, depth: 0, required: false },
    { type: 'moduleAlignment', size: 8 },
    { type: 'efiBootServices', required: false },
    { type: 'entryAddressEfi32', entryAddr: 0x200020 },
    { type: 'entryAddressEfi64', entryAddr: 0x200030 },
    { type: 'relocatable', minAddr: 0x200000, maxAddr: 0xffffffff, align: 0x200000, preference: 'high' },
    { type: 'unknown', typeNumber: 99, required: true },
  ]);
  t.equal(parsed.tags.length, 11, 'the end tag is left out');
  const offsets = parsed.tags.map((tag) => tag.offset);
  t.ok(offsets.every((offset) => offset % 8 === 0));
  t.end();
});

t.test('other preferences mean none, as to GRUB', (t) => {
  const preferences = [0, 1, 2, 3].map(
    (value) => parseMultiboot2Header(header([{ type: 10, payload: [0, 0, 0, value] }])).tags[0],
  );
  t.match(
    preferences,
    ['none', 'low', 'high', 'none'].map((preference) => ({ preference })),
  );
  t.end();
});

t.test('the first header that counts is taken', (t) => {
  const good = header([RELOCATABLE]);
  const file = at(0x100, good);
  file.set(header([], { checksumError: 1 }), 0x20);
  file.set(header([], { architecture: 4 }), 0x40);
  t.equal(parseMultiboot2Header(file).offset, 0x100);
  const last = 32768 - good.length;
  t.equal(parseMultiboot2Header(at(last, good, 40000)).offset, last, 'wholly within the limit');
  t.end();
});

t.test('no header: says where one is that does not count', (t) => {
  const good = header([]);
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /built with Multiboot2 support/],
    [new Uint8Array(70000), /built with Multiboot2 support/],
    [header([], { checksumError: 4 }), /built with Multiboot2 support/],
    [at(0x9000, good), /24 bytes is at offset 0x9000 and ends beyond the limit/],
    [at(32768 - 16, good), /offset 0x7ff0 and ends beyond the limit/],
    [at(0x104, good), /offset 0x104, no multiple of 8/],
    [header([], { architecture: 4 }), /for architecture 4/],
    [header([], { length: 0x1000 }), /beyond the file's end \(24 bytes\)/],
  ];
  for (const [bytes, message] of cases)
    t.throws(() => parseMultiboot2Header(bytes), { name: 'NoMultiboot2HeaderError', message });
  t.end();
});

t.test('malformed tags are named with index and offset', (t) => {
  const first = { type: 6 };
  const cases: [Uint8Array, number, RegExp][] = [
    [
      header([first, { type: 7, size: 0 }]),
      1,
      /tag 1 at offset 0x18: size 0 is less than the 8 bytes of type 7/,
    ],
    [header([first, { type: 99, size: 7 }]), 1, /size 7 is less than the 8 bytes of type 99/],
    [header([{ type: 10, payload: [1, 2] }]), 0, /size 16 is less than the 24 bytes of type 10/],
    [header([first, { type: 1, size: 0x7fffffff }]), 1, /size 2147483647 reaches beyond/],
    [header([first], { endTag: false }), 1, /ends at 0x18 without an end tag/],
    [header([], { endTag: false }), 0, /without an end tag/],
    [header([], { length: 0 }), 0, /without an end tag/],
    [header([{ type: 0, size: 12, payload: [1] }]), 0, /an end tag has 8 bytes, not 12/],
  ];
  for (const [bytes, tagIndex, message] of cases)
    t.throws(() => parseMultiboot2Header(bytes), { name: 'Multiboot2HeaderTagError', tagIndex, message });
  t.end();
});

t.test('no flipped byte makes it loop or throw anything unnamed', (t) => {
  const bytes = header([{ type: 1, payload: [4, 6] }, RELOCATABLE, { type: 99, payload: [7] }]);
  for (let offset = 16; offset < bytes.length; offset++)
    for (const value of [0, 1, 7, 0x80, 0xff]) {
      const altered = Uint8Array.from(bytes);
      altered[offset] = value;
      try {
        parseMultiboot2Header(altered);
      } catch (error) {
        t.equal((error as Error).name, 'Multiboot2HeaderTagError');
      }
    }
  t.end();
});
