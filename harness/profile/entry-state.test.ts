/** CLAIM: entry state and boot information follow image, base and command line as GRUB makes them, and our own reader agrees. */
import t from 'tap';
import { findTag, parseBootInformation } from '../multiboot2/boot-information.ts';
import { header, image, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField } from '../x86/state/state-layout.ts';
import { entryPoint, entryState } from './entry-state.ts';
import { fillIdentityMap, identityMapAt, writtenMarks } from './identity-map.ts';
import { memoryOf } from './known-memory.ts';
import { smallProfile } from './testdata/small-profile.ts';

const [EFI_ENTRY, BOOT_SERVICES] = [
  { type: 9, payload: [0x200100] },
  { type: 7, optional: true, payload: [] },
];
const kernel = parseBootImage(
  image(header([RELOCATABLE, { type: 3, payload: [0x200040] }, EFI_ENTRY, BOOT_SERVICES])),
);

t.test('registers: the entry point is the base’s', async (t) => {
  const { words } = entryState(smallProfile(), kernel, 0x8000_0000);
  t.equal(readField(words, 'rip'), 0x8000_0040n);
  t.same(
    ['rbx', 'cr0', 'a20', 'rdi'].map((name) => readField(words, name)),
    [0x2000n, 0x11n, 1n, 0n],
  );
  t.equal(entryPoint(kernel, 'efi', 0x40_0000), 0x40_0100);
  const entry = { fields: {}, rules: { rdi: 'last byte before the image' } };
  t.equal(readField(entryState(smallProfile({ entry }), kernel, 0x8000_0000).words, 'rdi'), 0x7fff_ffffn);
});

t.test('boot information', async (t) => {
  for (const [options, commandLine] of [
    [{}, 'quiet'],
    [{ commandLine: 'loglvl=all console=com1' }, 'loglvl=all console=com1'],
  ] as const) {
    const { memory } = entryState(smallProfile(), kernel, 0xffc0_0000, options);
    const { bytes } = memory.find(({ address }) => address === 0x2000)!;
    const information = parseBootInformation(bytes);
    t.equal(information.totalSize, bytes.length);
    t.same(
      information.tags.map(({ type }) => type),
      [...['loadBaseAddress', 'commandLine', 'bootLoaderName', 'basicMemory', 'elfSections', 'end']],
    );
    t.match(findTag(information, 'loadBaseAddress'), { address: 0xffc0_0000 });
    t.match(findTag(information, 'commandLine'), { commandLine, size: 8 + commandLine.length + 1 });
    t.match(findTag(information, 'bootLoaderName'), { name: 'GRUB 2.06' });
    t.match(findTag(information, 'basicMemory'), { lowerKib: 0x27f, upperKib: 0x7fb70 });
    t.match(findTag(information, 'elfSections'), { count: 0 });
  }
});

t.test('page tables: whatever no capture reads maps 1:1, below 4 GiB', async (t) => {
  const entry = (value: number): Uint8Array =>
    Uint8Array.from(Buffer.from(new BigUint64Array([BigInt(value)]).buffer));
  const known = [
    { address: 0x1000, bytes: entry(0x2023) },
    { address: 0x2000, bytes: entry(0x3023) },
    // The second 2 MiB are split.
    { address: 0x3008, bytes: entry(0x9023) },
    { address: 0x3010, bytes: entry(0x4000e1) },
  ];
  const memory = memoryOf(known);
  const map = identityMapAt(0x1000, memory)!;
  t.same(map, { pointerTable: 0x2000, directories: [0x3000, 0x4000, 0x5000, 0x6000] });
  fillIdentityMap(map, memory);
  const at = (address: number): bigint => Buffer.from(memory.read(address, 8)).readBigUInt64LE();
  t.same([0x3000, 0x3008, 0x3010, 0x3018].map(at), [0x83n, 0x9023n, 0x4000e1n, 0x600083n]);
  t.same([0x2018, 0x6ff8, 0x9ff8].map(at), [0x6003n, 0xffe00083n, 0x3ff003n]);
  const marks = writtenMarks(map, memory, { address: 0xffc0_0000, sizeBytes: 0x3c8000 });
  t.same(
    marks.map(({ address, bytes }) => [address, Buffer.from(bytes).readBigUInt64LE()]),
    [
      [0x2018, 0x6023n],
      [0x6ff0, 0xffc000e3n],
      [0x2018, 0x6023n],
      [0x6ff8, 0xffe000e3n],
    ],
  );
  t.equal(identityMapAt(0x1000, new PhysicalMemory('unknown')), undefined);
  t.equal(
    identityMapAt(0x1000, memoryOf([...known, { address: 0x2008, bytes: entry(0x8023) }])),
    undefined,
    'not in a row',
  );
});
