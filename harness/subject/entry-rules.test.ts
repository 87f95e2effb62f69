/** CLAIM: a good hand-over breaks no rule; whatever is broken speaks with its rule's name. */
import t, { type Test } from 'tap';
import type { Observation } from '../guest/guest-view.ts';
import type { MemoryGuest } from '../guest/testdata/memory-guest.ts';
import type { MachineState } from '../multiboot2/machine-state-rules.ts';
import { header, image, RELOCATABLE, type BuiltTag } from '../multiboot2/testdata/image-builder.ts';
import { MEMORY_MAP, MODULE } from '../multiboot2/testdata/sound-information.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { ARGUMENTS, GoodBoot, INFORMATION, LOAD_BASE, type BootRecipe } from '../xen/testdata/good-boot.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { parseBootImage } from './boot-image.ts';
import { checkEntryRules } from './entry-rules.ts';
import type { LoadedSubject } from './loaded-subject.ts';

const xen = smallXen(t.testdir());
const disassembler = await loadDisassembler();
const MAP = MEMORY_MAP([0, 0x9fc00, 1], [0x9fc00, 0x400, 2], [0x10_0000, 0x7f0_0000, 1]);

/** What the rules ask for beside what GoodBoot needs. */
const MORE: Readonly<Record<LoadedSubject['entry'], readonly BuiltTag[]>> = {
  multiboot32: [MAP, { type: 4, payload: [639, 0x7f00 * 4] }],
  efi64: [
    { type: 12, payload: [0x7e0_0018, 0] },
    { type: 20, payload: [0x7e0_1018, 0] },
  ],
};

function goodBoot(recipe: BootRecipe = {}): GoodBoot {
  const boot = new GoodBoot(xen, disassembler, recipe);
  boot.layInformation(goodTags(boot));
  return boot;
}

function goodTags(boot: GoodBoot): BuiltTag[] {
  return [...boot.tags().filter(({ type }) => type !== 6), ...MORE[boot.subject.entry]];
}

/** Boot information with these in place of the good tag of this type. */
const instead =
  (type: number, ...tags: readonly BuiltTag[]) =>
  (boot: GoodBoot): void =>
    boot.layInformation([...goodTags(boot).filter((tag) => tag.type !== type), ...tags]);

interface Breakage {
  readonly recipe?: BootRecipe;
  readonly sabotage?: (boot: GoodBoot) => void;
  readonly subject?: Partial<LoadedSubject>;
  readonly state?: (state: MachineState) => Partial<MachineState>;
}

async function rules({ recipe, sabotage, subject, state }: Breakage): Promise<Observation[]> {
  const boot = goodBoot(recipe);
  const guest = boot.stopAt('entry');
  if (recipe?.entry !== 'efi64') guest.gdtr = { base: 0x1000n, limit: 0x20 };
  if (recipe?.entry === 'efi64') guest.set.rsp = 0x7_ff00n;
  sabotage?.(boot);
  const seen = await guest.readMachineState();
  const view = {
    registers: guest.registers,
    readPhysical: (address: number, sizeBytes: number) => guest.readPhysical(address, sizeBytes),
    readMachineState: async () => ({ ...seen, ...state?.(seen) }),
  };
  return checkEntryRules(view, { ...boot.subject, ...subject });
}

/** These rules are broken, and no other. */
async function breaks(t: Test, breakage: Breakage, ...names: string[]): Promise<void> {
  const wrong = (await rules(breakage)).filter(({ ok }) => !ok);
  t.strictSame(
    wrong.map(({ text }) => text.split(':')[0]),
    names,
    wrong.map(({ text }) => text).join(' | '),
  );
  for (const { text } of wrong) t.match(text, / demands: /, 'what is demanded, and by whom');
}

t.test('a good hand-over: one observation for the CPU, one for the boot information', async (t) => {
  for (const entry of ['multiboot32', 'efi64'] as const) {
    t.match(await rules({ recipe: { entry } }), [
      { ok: true, text: /^\d+ rules for the entry state hold$/ },
      { ok: true, text: /^\d+ rules for boot information hold$/ },
    ]);
  }
});

t.test('the CPU', async (t) => {
  const efi = { entry: 'efi64' } as const;
  const segment = (name: 'cs' | 'ds', change: object) => ({
    state: ({ segments }: MachineState) => ({
      segments: { ...segments, [name]: { ...segments[name], ...change } },
    }),
  });
  const set = (values: Partial<MemoryGuest['set']>) => ({
    sabotage: ({ guest }: GoodBoot) => void Object.assign(guest.set, values),
  });
  await breaks(t, set({ rax: 0x2badb002n }), 'entry-magic');
  await breaks(t, set({ cr0: 0x8000_0011n }), 'paging-off');
  await breaks(t, set({ cr0: 0x10n }), 'protected-mode');
  await breaks(t, { state: () => ({ a20: false }) }, 'a20-on');
  await breaks(t, { state: () => ({ rflags: 0x202n }) }, 'interrupts-off');
  await breaks(t, { state: () => ({ rflags: 0x2_0002n }) }, 'virtual-8086-off');
  await breaks(t, segment('cs', { limit: 0xffff }), 'code-segment');
  await breaks(t, segment('ds', { base: 0x10n }), 'data-segments');
  await breaks(t, { recipe: efi, ...set({ rsp: 0x1ff8n }) }, 'stack-aligned');
  await breaks(t, { recipe: efi, ...set({ efer: 0n }) }, 'long-mode', 'interrupts-on');
  await breaks(t, { recipe: efi, state: () => ({ rflags: 0x602n }) }, 'direction-up');
  await breaks(t, { recipe: efi, state: () => ({ idtr: { base: 0n, limit: 0 } }) }, 'interrupt-table');
  await breaks(t, { recipe: efi, state: () => ({ mxcsr: 0 }) }, 'floating-point');
});

t.test('boot information, with what the subject asks for as its context', async (t) => {
  const lay = (...tag: Parameters<typeof instead>) => ({ sabotage: instead(...tag) });
  await breaks(t, lay(21), 'load-base-told');
  await breaks(t, lay(21, { type: 21, payload: [LOAD_BASE + 0x1000] }), 'load-base-value');
  await breaks(t, lay(3, MODULE(0x10_1000, 0x10_1005)), 'module-count');
  await breaks(t, lay(4), 'maps-given');
});

t.test(
  'an image that says nothing of relocation gets no load base tag, but from a loader known for it',
  async (t) => {
    const fixed = {
      image: { ...xen.image, ...parseBootImage(image(header([]))) },
      loadBase: 0x20_0000,
      physicalStart: 0,
    };
    const named = (loader: string) => (boot: GoodBoot) =>
      boot.layInformation([
        ...goodTags(boot).filter(({ type }) => type !== 21 && type !== 2),
        { type: 2, payload: Buffer.from(`${loader}\0`) },
        { type: 21, payload: [0x20_0000] },
      ]);
    await breaks(t, { subject: fixed, sabotage: named('LILO 24') }, 'load-base-only-if-relocatable');
    const told = await rules({ subject: fixed, sabotage: named('GRUB 2.06') });
    t.match(told.at(-1), {
      ok: true,
      text: /\(known deviation of this loader: load-base-only-if-relocatable\)$/,
    });
  },
);

t.test('what the header requests must be there', async (t) => {
  const asking = (optional: boolean) => {
    const { header: asked } = parseBootImage(
      image(header([RELOCATABLE, { type: 1, optional, payload: [2, 6] }])),
    );
    return { subject: { image: { ...xen.image, header: asked } }, sabotage: instead(2) };
  };
  await breaks(t, asking(false), 'requested-tags');
  await breaks(t, asking(true));
});

t.test('boot information of any size is read within bounds', async (t) => {
  const sizes: number[] = [];
  const says = async (totalSize: number): Promise<string[]> => {
    const boot = goodBoot();
    const guest = boot.stopAt('entry');
    guest.writeU32(INFORMATION, totalSize);
    const view = {
      registers: guest.registers,
      readMachineState: () => guest.readMachineState(),
      readPhysical: (address: number, sizeBytes: number) => {
        sizes.push(sizeBytes);
        return guest.readPhysical(address, sizeBytes);
      },
    };
    const observations = await checkEntryRules(view, boot.subject);
    return observations.filter(({ ok }) => !ok).map(({ text }) => text.split(':')[0] ?? '');
  };
  for (const totalSize of [0xffff_ffff, 0x8000_0000, 0x10_0008])
    t.ok((await says(totalSize)).length > 0, `${totalSize}`);
  for (const totalSize of [0, 7, 8]) t.ok((await says(totalSize)).length > 0, `${totalSize}`);
  t.ok(Math.max(...sizes) <= 1024 * 1024, 'at most 1 MiB is read');
  t.ok(Math.min(...sizes.filter((size) => size !== 4)) >= 8, 'and at least its fixed part');
});

t.test('the arguments of the good boot are not judged here', async (t) => {
  t.ok((await rules({ subject: { arguments: `${ARGUMENTS} more` } })).every(({ ok }) => ok));
});
