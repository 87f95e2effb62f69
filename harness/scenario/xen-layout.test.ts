import t from 'tap';
import type { MemoryRegion } from '../grub/memory-map.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import type { Observation, SharedRam } from '../guest/guest-view.ts';
import { GoodBoot, INFORMATION, LOAD_BASE, type BootRecipe } from '../xen/testdata/good-boot.ts';
import { LINK_BASE, smallXen } from '../xen/testdata/small-xen.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';
import { LayoutOracle } from './layout-oracle.ts';
import { atStartXen } from './xen-layout.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();
const MIB = 1024 * 1024;
const MODULE = 0x60_0000;
const MODULE_BYTES = new Uint8Array(5000).fill(0x5a);

/** In small-xen.s everything is .text; what its early boot writes is not read-only. */
class SmallSymbols extends ImageSymbols {
  override readOnlySections() {
    return [{ name: '.text', linkTime: LINK_BASE, bytes: xen.symbols.bytes(this.linear('_start'), 64)! }];
  }
}

const MAP: readonly MemoryRegion[] = [
  { start: 0, end: 0x9fc00, use: 'free', label: 'available RAM' },
  { start: 0x9fc00, end: MIB, use: 'reserved', label: 'reserved RAM' },
  { start: MIB, end: 0x800_0000, use: 'free', label: 'available RAM' },
];

/** A boot stopped at the entry, whose memory the oracle can share. */
class Stage {
  readonly boot: GoodBoot;
  readonly oracle = new LayoutOracle();

  constructor(recipe: BootRecipe = {}) {
    this.boot = new GoodBoot(xen, disassembler, { ...recipe, trampoline: 0x8c000 });
    const { guest, subject } = this.boot;
    for (const { offset, filesz, paddr } of subject.image.loaded.segments)
      guest.write(
        Number(paddr) + subject.physicalStart,
        subject.image.bytes.subarray(offset, offset + filesz),
      );
    guest.write(MODULE, MODULE_BYTES);
    this.boot.layInformation([...this.boot.tags(), this.moduleTag(MODULE)]);
  }

  moduleTag(start: number) {
    const place = Uint32Array.of(start, start + MODULE_BYTES.length);
    return { type: 3, payload: Buffer.concat([new Uint8Array(place.buffer), Buffer.from('m\0')]) };
  }

  get view() {
    const { guest } = this.boot;
    const ram: SharedRam = {
      lowSizeBytes: 0x800_0000,
      read: async (address, sizeBytes) => guest.read(address, sizeBytes),
      write: async (address, bytes) => guest.write(address, bytes),
      extents: async () => [
        { start: 0, end: 0x10000 + 4096 },
        { start: 0x8b000, end: 0xa0000 },
      ],
    };
    const { registers } = guest;
    return {
      registers,
      ram,
      readPhysical: (address: number, sizeBytes: number) => guest.readPhysical(address, sizeBytes),
      readMachineState: () => guest.readMachineState(),
    };
  }

  get subject() {
    const symbols = new SmallSymbols(xen.symbolFile, LINK_BASE);
    return { ...this.boot.subject, symbols, moduleCount: 1, modules: [MODULE_BYTES] };
  }

  async atEntry(): Promise<Observation[]> {
    this.boot.stopAt('entry');
    return this.oracle.atEntry(this.view, this.subject, MAP, true);
  }

  async atStartXen(): Promise<Observation[]> {
    const { boot } = this;
    boot.stopAt('__start_xen');
    boot.guest.writeU32(boot.at('trampoline_phys'), 0x8c000);
    boot.guest.write(0x8c000, new Uint8Array(4096));
    return atStartXen(this.oracle, this.view, this.subject);
  }
}

const wrong = (observations: readonly Observation[]) =>
  observations.filter(({ ok }) => !ok).map(({ text }) => text);

t.test('a correct boot has nothing wrong, on either entry', async (t) => {
  for (const entry of ['multiboot32', 'efi64'] as const) {
    const stage = new Stage({ entry });
    t.strictSame(wrong(await stage.atEntry()), []);
    t.strictSame(wrong(await stage.atStartXen()), []);
    t.match(Object.keys(stage.oracle.record?.maps ?? {}), ['entry', '__start_xen']);
    t.strictSame(stage.oracle.notPossible, []);
    t.ok(stage.oracle.draw().some((line) => line.endsWith('  module 0')));
  }
});

t.test('a store that forgot the base names its symbol', async (t) => {
  const stage = new Stage();
  await stage.atEntry();
  stage.boot.guest.writeU32(xen.symbols.linkTime('xen_phys_start'), 0);
  const [text] = wrong(await stage.atStartXen());
  t.match(text, /^4 bytes at 0x0020[0-9a-f]{4}, where an image at its link base has xen_phys_start: /);
  t.match(text, / became 00000000$/);
  t.match(stage.oracle.record?.damages, [{ symbol: 'xen_phys_start' }]);
});

t.test('a write below 1 MiB, outside the trampoline’s window', async (t) => {
  const stage = new Stage();
  await stage.atEntry();
  stage.boot.guest.writeU32(0x5000, 0);
  t.match(wrong(await stage.atStartXen()), [/^4 bytes at 0x00005000: /]);
});

t.test('a module that is changed before the entry, or after it, or not page aligned', async (t) => {
  const before = new Stage();
  before.boot.guest.write(MODULE + 4999, Uint8Array.of(0));
  t.match(wrong(await before.atEntry()), [/^module 0 is changed at 0x00601387$/]);
  const after = new Stage();
  await after.atEntry();
  after.boot.guest.write(MODULE + 7, Uint8Array.of(0));
  t.match(wrong(await after.atStartXen()), [/^module 0 is changed at 0x00600007$/]);
});

t.test('a module over Xen', async (t) => {
  const stage = new Stage();
  stage.boot.layInformation([...stage.boot.tags(), stage.moduleTag(LOAD_BASE + 4096)]);
  t.match(wrong(await stage.atEntry())[0], /^module 0 \(0x03e01000–0x03e02387\) overlaps Xen/);
});

t.test('boot information in memory that the firmware keeps', async (t) => {
  const stage = new Stage();
  const bytes = stage.boot.guest.read(INFORMATION, 4096);
  stage.boot.guest.write(0x9f000, bytes);
  stage.boot.stopAt('entry').set.rbx = 0x9fbf0n;
  stage.boot.guest.write(0x9fbf0, bytes.subarray(0, 512));
  const observations = await stage.oracle.atEntry(stage.view, stage.subject, MAP, true);
  t.match(wrong(observations)[0], /boot information .* covers 0x0009fc00–0x[0-9a-f]{8}: reserved RAM/);
});

t.test('an image that is not what its file is, and read-only parts that change', async (t) => {
  const stage = new Stage();
  stage.boot.guest.write(LOAD_BASE + 0x80, Uint8Array.of(0xcc));
  t.match(wrong(await stage.atEntry()), [/^the image is changed at 0x03e00080 \(\w+/]);
  const later = new Stage();
  await later.atEntry();
  later.boot.guest.write(LOAD_BASE + 1, Uint8Array.of(0xcc));
  t.match(wrong(await later.atStartXen()), [/^\.text is changed at 0x03e00001 \(_start\+0x1\)$/]);
});

t.test('a trampoline that is shifted, or reaches into the EBDA', async (t) => {
  for (const [at, text] of [
    [0x8c004, /not page aligned/],
    [0x95000, /overlaps|covers 0x0009fc00/],
  ] as const) {
    const stage = new Stage();
    await stage.atEntry();
    stage.boot.stopAt('__start_xen');
    stage.boot.guest.writeU32(stage.boot.at('trampoline_phys'), at);
    t.match(wrong(await atStartXen(stage.oracle, stage.view, stage.subject)).join('; '), text);
  }
});

t.test('a stack that is not aligned at the EFI amd64 entry', async (t) => {
  const stage = new Stage({ entry: 'efi64' });
  stage.boot.stopAt('entry').set.rsp = 0x9fea0308n;
  const observations = await stage.oracle.atEntry(stage.view, stage.subject, MAP, true);
  t.match(wrong(observations), [/^RSP is 0x9fea0308 at the EFI amd64 entry/]);
});

t.test('without shared RAM nothing is watched, and that is said', async (t) => {
  const stage = new Stage();
  stage.boot.stopAt('entry');
  const { ram, ...view } = stage.view;
  t.ok(ram);
  t.strictSame(wrong(await stage.oracle.atEntry(view, stage.subject, MAP, true)), []);
  t.match(stage.oracle.notPossible, [/^a watch on memory that nobody owns: .*\/dev\/shm/]);
});
