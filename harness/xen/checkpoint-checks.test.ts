import t, { type Test } from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import type { CheckpointName } from './checkpoint-addresses.ts';
import { observe } from './checkpoint-checks.ts';
import type { Observation } from '../guest/guest-view.ts';
import { ARGUMENTS, GoodBoot, RELOCATED, TRAMPOLINE, type BootRecipe } from './testdata/good-boot.ts';
import { smallXen } from './testdata/small-xen.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();

type Sabotage = (boot: GoodBoot) => unknown;

async function observed(
  name: CheckpointName,
  recipe: BootRecipe = {},
  sabotage: Sabotage = () => undefined,
): Promise<Observation[]> {
  const boot = new GoodBoot(xen, disassembler, recipe);
  const guest = boot.stopAt(name);
  sabotage(boot);
  return observe(guest, boot.subject, boot.address(name));
}

/** For one checkpoint: each sabotage makes exactly one observation fail, with this text. */
const breaking =
  (t: Test, name: CheckpointName, recipe: BootRecipe = {}) =>
  async (what: string, sabotage: Sabotage, text: string | RegExp): Promise<void> => {
    const wrong = (await observed(name, recipe, sabotage)).filter(({ ok }) => !ok);
    t.equal(wrong.length, 1, `${what}: one observation fails (${wrong.map((o) => o.text).join('; ')})`);
    t.match(wrong[0]?.text, text, what);
  };

t.test('nothing is wrong with a correct boot, at any base, by either entry', async (t) => {
  const recipes: BootRecipe[] = [
    {},
    { loadBase: 0x200000 },
    { loadBase: 0x9c000000 },
    { loadBase: 0x7fe00000, entry: 'efi64' },
    { trampoline: 0x8f000 },
  ];
  for (const recipe of recipes) {
    const boot = new GoodBoot(xen, disassembler, recipe);
    t.equal(boot.addresses.length, 7);
    for (const { name } of boot.addresses) {
      const observations = await observed(name, recipe);
      t.ok(observations.length > 0, name);
      t.strictSame(
        observations.filter(({ ok }) => !ok),
        [],
        name,
      );
    }
  }
});

t.test('base computed', async (t) => {
  const breaks = breaking(t, 'base computed');
  const wrong = '%esi (load base − link base) is 0x0, not 0x3c00000';
  await breaks('forgotten', ({ guest }) => (guest.set.rsi = 0n), wrong);
  await breaks(
    'the load base itself',
    ({ guest }) => (guest.set.rsi = 0x3e00000n),
    /is 0x3e00000, not 0x3c00000/,
  );
  const boot = new GoodBoot(xen, disassembler);
  const nowhere = { name: 'base computed', space: 'image', linkTime: 0 } as const;
  t.strictSame(await observe(boot.guest, boot.subject, nowhere), [
    { ok: false, text: 'no base register is known here' },
  ]);
});

t.test('boot information relocated', async (t) => {
  const breaks = breaking(t, 'boot information relocated');
  await breaks(
    'left above 1 MiB',
    ({ guest }) => (guest.set.rax = 0x1f000000n),
    'the relocated boot information is at 0x1f000000, not below 1 MiB',
  );
  await breaks('nowhere', ({ guest }) => (guest.set.rax = 0n), /is at 0x00000000, not below 1 MiB/);
  await breaks(
    'command line lost',
    ({ guest }) => guest.write(RELOCATED + 0x100, Buffer.from('console=vga\0')),
    `command line is “console=vga”, not “${ARGUMENTS}”`,
  );
  await breaks(
    'no loader name',
    ({ guest }) => guest.writeU32(RELOCATED, (1 << 2) | (1 << 3)),
    /boot loader name is absent, not “GRUB/,
  );
  await breaks('a module appears', ({ guest }) => guest.writeU32(RELOCATED + 20, 1), '1 modules, not 0');
  await breaks(
    'GDT base without the base',
    (boot) => boot.guest.writeU32(boot.at('gdt_boot_base'), xen.symbols.linkTime('trampoline_gdt')),
    /^the GDT base in the image is 0x2001a4, not 0x3e001a4$/,
  );
  await breaks(
    'the loader’s GDT still in use',
    ({ guest }) => (guest.gdtr = { base: 0x7f00n, limit: 0x27 }),
    'GDTR is 0x7f00, not 0x3e001a4',
  );
  await breaks(
    'xen_phys_start stored to its link-time address',
    (boot) => boot.guest.writeU32(boot.at('xen_phys_start'), 0),
    'xen_phys_start is 0x0, not 0x3c00000',
  );
});

t.test('page tables relocated', async (t) => {
  const breaks = breaking(t, 'page tables relocated');
  const entry = (boot: GoodBoot) => boot.at('l3_map') + 321 * 8;
  const add = (boot: GoodBoot, at: number, value: number) =>
    boot.guest.writeU64(at, boot.guest.readU64(at) + BigInt(value));
  await breaks(
    'one entry un-relocated',
    (boot) => add(boot, entry(boot), -boot.subject.physicalStart),
    '1 entries are wrong: l3_map[321] is 0x0000000000201063, not 0x0000000003e01063',
  );
  await breaks(
    'one relocated twice',
    (boot) => add(boot, entry(boot), boot.subject.physicalStart),
    '1 entries are wrong: l3_map[321] is 0x0000000007a01063, not 0x0000000003e01063',
  );
  await breaks(
    'one that is not present, relocated too',
    (boot) => add(boot, boot.at('idle_pg_table'), boot.subject.physicalStart),
    /1 entries are wrong: idle_pg_table\[0\] is 0x0000000003c00000, not 0x0000000000000000/,
  );
  await breaks(
    'none relocated',
    (boot) =>
      ['l2_map', 'l3_map', 'idle_pg_table'].forEach((table, i) =>
        add(boot, boot.at(table) + [1, 321, 261][i]! * 8, -boot.subject.physicalStart),
      ),
    /^3 entries are wrong: l2_map\[1\].*; l3_map\[321\].*; idle_pg_table\[261\]/,
  );
});

t.test('trampoline copied', async (t) => {
  const breaks = breaking(t, 'trampoline copied');
  await breaking(t, 'trampoline copied', { trampoline: 0x8c010 })(
    'not page aligned',
    () => undefined,
    'the trampoline is at 0x0008c010 (36 bytes): not page aligned below 640 KiB',
  );
  await breaking(t, 'trampoline copied', { trampoline: 0xa0000 })(
    'in video memory',
    () => undefined,
    /is at 0x000a0000 .*not page aligned below 640 KiB/,
  );
  await breaks(
    'one byte of the copy differs',
    ({ guest }) => guest.write(TRAMPOLINE, Uint8Array.of(0x90)),
    /^at 0x0008c000 stands 90000000.*, not the image's b8000000/,
  );
  const both = (boot: GoodBoot, symbol: string, bytes: Uint8Array) => {
    const offset = boot.at(symbol) - boot.at('trampoline_start');
    boot.guest.write(boot.at(symbol), bytes);
    boot.guest.write(boot.trampoline + offset, bytes);
  };
  await breaks(
    'one relocation missing',
    (boot) => both(boot, 'second_place', Uint8Array.of(0x14, 0, 0, 0)),
    'offset 0x010 is 0x00000014, not 0x0008c014',
  );
  await breaks(
    'one relocation applied twice',
    (boot) => both(boot, 'first_place', Uint8Array.of(0x09, 0x80, 0x11, 0)),
    'offset 0x005 is 0x00118009, not 0x0008c009',
  );
  await breaks(
    'a wrong segment',
    (boot) => both(boot, 'segment_place', Uint8Array.of(0, 0)),
    'segment at 0x00d is 0x0000, not 0x8c00',
  );
  await breaks(
    'the stack 64 KiB off',
    ({ guest }) => (guest.set.rsp += 0x10000n),
    '%esp on the low-memory stack is 0xabff8, not 0x9bff8',
  );
});

t.test('long mode', async (t) => {
  const breaks = breaking(t, 'long mode');
  await breaks('paging off', ({ guest }) => (guest.set.cr0 = 0x11n), /CR0 0x00000011, CR4 .*: no long mode/);
  await breaks(
    'no PAE',
    ({ guest }) => (guest.set.cr4 = 0n),
    /CR4 0x00000000, EFER 0x00000d00: no long mode/,
  );
  await breaks('not in long mode', ({ guest }) => (guest.set.efer = 0x900n), /EFER 0x00000900: no long mode/);
  await breaks(
    'another top-level table with the same content',
    (boot) => {
      boot.guest.write(0x5000000, boot.guest.read(boot.at('idle_pg_table'), 4096));
      boot.guest.set.cr3 = 0x5000000n;
    },
    'CR3 is 0x5000000, not 0x3e03000',
  );
  await breaks(
    '__high_start mapped elsewhere',
    (boot) => boot.guest.writeU64(boot.at('l2_map') + 8, 0x2000e3n),
    '__high_start through these tables is 0x200180, not 0x3e00180',
  );
  await breaks(
    '__high_start not mapped',
    (boot) => boot.guest.writeU64(boot.at('l2_map') + 8, 0n),
    '__high_start is not mapped, not at 0x03e00180',
  );
});

t.test('__start_xen', async (t) => {
  const breaks = breaking(t, '__start_xen');
  await breaks('CR3', ({ guest }) => (guest.set.cr3 = 0x203000n), 'CR3 is 0x203000, not 0x3e03000');
  await breaks(
    'still the boot-time GDT',
    (boot) => (boot.guest.gdtr = { base: BigInt(boot.at('trampoline_gdt')), limit: 0x3f }),
    'GDTR is 0x3e001a4, not 0xffff82d0402001ea',
  );
  await breaks(
    'xen_phys_start overwritten',
    (boot) => boot.guest.writeU32(boot.at('xen_phys_start'), 0x3e00000),
    'xen_phys_start is 0x3e00000, not 0x3c00000',
  );
});
