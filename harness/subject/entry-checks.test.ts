import t, { type Test } from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import type { BuiltTag } from '../multiboot2/testdata/image-builder.ts';
import { observe } from '../xen/checkpoint-checks.ts';
import type { Observation } from '../guest/guest-view.ts';
import { ARGUMENTS, GoodBoot, INFORMATION, LOADER_NAME, type BootRecipe } from '../xen/testdata/good-boot.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();

async function atEntry(
  recipe: BootRecipe,
  sabotage: (boot: GoodBoot) => void = () => undefined,
): Promise<Observation[]> {
  const boot = new GoodBoot(xen, disassembler, recipe);
  const guest = boot.stopAt('entry');
  sabotage(boot);
  return observe(guest, boot.subject, boot.address('entry'));
}

/** Exactly one observation fails, and its text names what was seen and what was wanted. */
async function breaks(
  t: Test,
  what: string,
  recipe: BootRecipe,
  sabotage: (boot: GoodBoot) => void,
  text: string | RegExp,
): Promise<void> {
  const wrong = (await atEntry(recipe, sabotage)).filter(({ ok }) => !ok);
  t.equal(wrong.length, 1, `${what}: one observation fails (${wrong.map((o) => o.text).join('; ')})`);
  t.match(wrong[0]?.text, text, what);
}

/** The tags of a correct loader, one type of them replaced. */
const instead = (boot: GoodBoot, type: number, ...tags: BuiltTag[]) =>
  boot.layInformation([...tags, ...boot.tags().filter((tag) => tag.type !== type)]);
const text = (value: string) => Buffer.from(`${value}\0`);

t.test('a correct hand-over has nothing wrong, whichever the loader, protocol and entry', async (t) => {
  const recipes: BootRecipe[] = [
    {},
    { entry: 'efi64' },
    { relocatingLoader: false },
    { protocol: 'multiboot1', loadBase: 0x200000 },
    { loadBase: 0x9c000000 },
  ];
  for (const recipe of recipes) {
    const observations = await atEntry(recipe);
    t.ok(observations.length >= 6);
    t.strictSame(
      observations.filter(({ ok }) => !ok),
      [],
    );
  }
});

t.test('the EFI entry has a stack that is a multiple of 16', async (t) => {
  const misalign = ({ guest }: GoodBoot) => void (guest.set.rsp = 0x1ff8n);
  await breaks(t, 'misaligned', { entry: 'efi64' }, misalign, '%rsp is 0x1ff8, no multiple of 16');
  t.ok(
    (await atEntry({}, misalign)).every(({ ok }) => ok),
    'the 32-bit entry has no such promise',
  );
});

t.test('registers and CPU mode', async (t) => {
  await breaks(
    t,
    'magic',
    {},
    ({ guest }) => (guest.set.rax = 0x2badb002n),
    /%eax .*is 0x2badb002, not 0x36d76289/,
  );
  await breaks(
    t,
    'paging on',
    {},
    ({ guest }) => (guest.set.cr0 = 0x80000011n),
    /CR0 is 0x80000011: not protected/,
  );
  await breaks(
    t,
    'real mode',
    {},
    ({ guest }) => (guest.set.cr0 = 0x10n),
    /CR0 is 0x00000010: not protected mode/,
  );
  const efi = { entry: 'efi64' } as const;
  await breaks(t, 'no long mode', efi, ({ guest }) => (guest.set.efer = 0n), /not in 64-bit mode at the EFI/);
});

t.test('the image is where it should be', async (t) => {
  const entry = ({ subject }: GoodBoot) => subject.image.loaded.entry + subject.physicalStart;
  await breaks(
    t,
    'a byte of the code differs',
    {},
    (boot) => boot.guest.write(entry(boot) + 8, Uint8Array.of(0xff)),
    /^at 0x03e00008 stands ff.*…, not the image's d65052e8/,
  );
});

t.test('where the boot information is', async (t) => {
  const put = (address: bigint) => (boot: GoodBoot) => void (boot.guest.set.rbx = address);
  await breaks(t, 'at 0', {}, put(0n), 'boot information at 0x00000000, not at 0x00001000 or above');
  await breaks(
    t,
    'first page',
    {},
    put(0xff8n),
    'boot information at 0x00000ff8, not at 0x00001000 or above',
  );
  await breaks(
    t,
    'nothing there',
    {},
    put(0x70000000n),
    /cannot be read: boot information says it has 0 bytes/,
  );
  await breaks(
    t,
    'beyond memory',
    {},
    put(0xfffffffen),
    /boot information cannot be read: nothing at 0xfffffffe/,
  );
  await breaks(
    t,
    'no end tag',
    {},
    ({ guest }) => guest.writeU32(INFORMATION, guest.readU32(INFORMATION) - 8),
    /cannot be read: .*end without an end tag/,
  );
  await breaks(
    t,
    'absurdly long',
    {},
    ({ guest }) => guest.writeU32(INFORMATION, 0x7fffffff),
    /says it has 2147483647 bytes/,
  );
});

t.test('what the boot information says', async (t) => {
  await breaks(
    t,
    'tag 21 absent',
    {},
    (boot) => instead(boot, 21),
    /tag 21 \(load base address\) is absent.*0x3e00000/,
  );
  await breaks(
    t,
    'tag 21 lies',
    {},
    (boot) => instead(boot, 21, { type: 21, payload: [0x200000] }),
    'tag 21 (load base address) is 0x200000, not 0x3e00000',
  );
  await breaks(
    t,
    'tag 21 from a loader that knows no relocation, and wrong',
    { relocatingLoader: false },
    (boot) => instead(boot, 21, { type: 21, payload: [0x200000] }),
    'tag 21 says 0x00200000 though the image is at 0x03e00000',
  );
  const lies = { toldBase: { offBytes: 0x200000 } };
  const lie = (boot: GoodBoot) => instead(boot, 21, { type: 21, payload: [0x4000000] });
  const wrong = async (recipe: BootRecipe, change: (boot: GoodBoot) => void) =>
    (await atEntry(recipe, change)).filter(({ ok }) => !ok);
  t.strictSame(await wrong(lies, lie), [], 'a lie that was to be told');
  await breaks(
    t,
    'the truth, or another lie, instead of the lie that was to be told',
    lies,
    () => undefined,
    'tag 21 (load base address) is 0x3e00000, not 0x4000000',
  );
  const silent = { toldBase: { asType: 0x4c42 } };
  t.strictSame(await wrong(silent, (boot) => instead(boot, 21)), [], 'nothing, as it was to be');
  await breaks(
    t,
    'something where nothing was to be said',
    silent,
    () => undefined,
    'tag 21 (load base address) is 0x3e00000, not absent',
  );
  await breaks(
    t,
    'another loader',
    {},
    (boot) => instead(boot, 2, { type: 2, payload: text('GRUB 2.06-13') }),
    `boot loader name is “GRUB 2.06-13”, not “${LOADER_NAME}”`,
  );
  await breaks(
    t,
    'no loader name',
    {},
    (boot) => instead(boot, 2),
    `boot loader name is absent, not “${LOADER_NAME}”`,
  );
  await breaks(
    t,
    'command line altered',
    {},
    (boot) => instead(boot, 1, { type: 1, payload: text(`xen ${ARGUMENTS}`) }),
    `command line is “xen ${ARGUMENTS}”, not “${ARGUMENTS}”`,
  );
  await breaks(
    t,
    'a module nobody gave',
    {},
    (boot) => instead(boot, 3, { type: 3, payload: [0x1000, 0x2000, 0] }),
    '1 modules, not 0',
  );
});

t.test('boot services kept: tag 18, and no memory map taken before', async (t) => {
  const efi = { entry: 'efi64' } as const;
  await breaks(
    t,
    'tag 18 absent',
    efi,
    (boot) => instead(boot, 18),
    /tag 18 \(boot services not terminated\) is absent/,
  );
  const stale = /a memory map \(tag 6 or 17\) is passed although boot services are kept: it is stale/;
  await breaks(t, 'E820', efi, (boot) => instead(boot, 6, { type: 6, payload: [24, 0] }), stale);
  await breaks(t, 'EFI map', efi, (boot) => instead(boot, 17, { type: 17, payload: [40, 1] }), stale);
});

t.test('Multiboot 1 has strings and modules only', async (t) => {
  const old = { protocol: 'multiboot1', loadBase: 0x200000 } as const;
  const poke = (at: number, value: string) => (boot: GoodBoot) => boot.guest.write(at, text(value));
  await breaks(
    t,
    'name',
    old,
    poke(INFORMATION + 0x200, 'LILO'),
    `boot loader name is “LILO”, not “${LOADER_NAME}”`,
  );
  await breaks(t, 'line', old, poke(INFORMATION + 0x100, 'x'), `command line is “x”, not “${ARGUMENTS}”`);
  await breaks(t, 'modules', old, ({ guest }) => guest.writeU32(INFORMATION + 20, 2), '2 modules, not 0');
  await breaks(
    t,
    'magic',
    old,
    ({ guest }) => (guest.set.rax = 0x36d76289n),
    /is 0x36d76289, not 0x2badb002/,
  );
  await breaks(
    t,
    'wild pointer',
    old,
    ({ guest }) => guest.writeU32(INFORMATION + 16, 0xffffffff),
    /cannot be read/,
  );
});
