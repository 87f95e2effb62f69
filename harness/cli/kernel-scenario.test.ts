/** CLAIM: a kernel is asked for what its own header allows, and refused where its own header demands that. */
import t from 'tap';
import { buildElf } from '../elf/testdata/elf-builder.ts';
import { header, image, MIN, RELOCATABLE, type BuiltTag } from '../multiboot2/testdata/image-builder.ts';
import type { Expectation, Instance } from '../scenario/contract.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { kernelScenario } from '../../scenarios/kernel.scenario.ts';

const GIVEN = { arguments: 'a=1' };
const scenarioOf = (...tags: readonly BuiltTag[]): Scenario =>
  kernelScenario(parseBootImage(image(header(tags))), GIVEN);
const names = (scenario: Scenario, firmware = 'bios') =>
  scenario
    .instances()
    .map(({ name }) => name)
    .filter((name) => name.includes(`~${firmware}~`))
    .map((name) => name.split('~').at(-1));
const window = (min: number, max: number, align: number): BuiltTag => ({
  ...{ type: 10, optional: true, payload: [min, max, align, 1] },
});

t.test('a relocatable kernel: every class of base, under each firmware', async (t) => {
  const scenario = scenarioOf(RELOCATABLE);
  const all = [
    'base-any',
    'base-0x00200000',
    'base-0x03e00000',
    'base-0x80000000',
    'base-highest',
    'base-firmware-owned',
  ];
  t.strictSame(names(scenario), all);
  t.strictSame(names(scenario, 'efi'), all);
  t.equal(scenario.instances().length, 12);
  t.ok(
    scenario.instances().every(({ subject, scenario: name }) => subject === 'kernel' && name === 'kernel'),
  );
  t.strictSame(scenario.given(scenario.instances()[0]!), GIVEN);
  t.strictSame(scenario.notices, []);
});

t.test('only bases that its window and alignment allow', async (t) => {
  const forced = (...limits: Parameters<typeof window>) =>
    names(scenarioOf(window(...limits))).filter((name) => name?.startsWith('base-0x'));
  t.strictSame(forced(0x20_0000, 0x300_0000, 0x1000), ['base-0x00200000'], 'too low for the others');
  t.strictSame(forced(0x100_0000, 0xffff_ffff, 0x1000), ['base-0x03e00000', 'base-0x80000000']);
  t.strictSame(forced(0, 0xffff_ffff, 0x4000_0000), ['base-0x80000000'], 'aligned to 1 GiB');
});

t.test('a kernel linked at one of the bases is sent there once', async (t) => {
  const bytes = header([window(0, 0xffff_ffff, 0x1000)]);
  const file = buildElf({ segments: [{ paddr: 0x3e0_0000n, bytes, memsz: 0x2000 }], firstOffset: 0x80 });
  const scenario = kernelScenario(parseBootImage(file), GIVEN);
  t.strictSame(
    names(scenario).filter((name) => name?.startsWith('base-0x')),
    ['base-0x03e00000', 'base-0x80000000'],
  );
  const all = scenario.instances().map(({ name }) => name);
  t.equal(new Set(all).size, all.length);
});

t.test('one that cannot be moved has one base', async (t) => {
  const scenario = scenarioOf();
  t.strictSame(names(scenario), ['base-any']);
  t.strictSame(names(scenario, 'efi'), ['base-any']);
});

/** What becomes of a prediction. */
function expected(scenario: Scenario, base: Instance['base']): Expectation | undefined {
  const instance = scenario.instances().find((one) => one.base.kind === base.kind);
  return instance && scenario.expectation?.(instance, { kind: 'boots' });
}

t.test('a sound header: what base and map predict', async (t) => {
  t.strictSame(expected(scenarioOf(RELOCATABLE), { kind: 'any' }), { kind: 'boots' });
});

t.test('a header that a loader must refuse: expected everywhere, and said', async (t) => {
  const scenario = scenarioOf(RELOCATABLE, { type: 0x4c42 });
  for (const kind of ['any', 'highest'] as const)
    t.match(expected(scenario, { kind }), {
      ...{ kind: 'refused', reason: /^required-tags-known: type 19522 / },
      byHeader: { grubError: 'unsupported tag: 0x' },
    });
  t.match(scenario.notices, [/^header, refused: required-tags-known: type 19522 /]);
  t.strictSame(expected(scenarioOf(RELOCATABLE, { type: 0x4c42, optional: true }), { kind: 'any' }), {
    kind: 'boots',
  });
});

t.test('a window that is its own undoing: a window of ours mends it', async (t) => {
  const scenario = scenarioOf(window(MIN, MIN + 0x1000, 0x1000));
  t.match(expected(scenario, { kind: 'any' }), { kind: 'refused', reason: /^window-/ });
  t.strictSame(expected(scenario, { kind: 'highest' }), { kind: 'boots' });
  t.ok(scenario.notices?.some((text) => text.startsWith('header, refused: window-')));
});

t.test('what is only doubtful is said, and boots', async (t) => {
  const preference = { ...RELOCATABLE, payload: [MIN, 0xffff_ffff, 0x20_0000, 7] };
  const scenario = scenarioOf(preference);
  t.match(scenario.notices, [/^header, doubtful: relocatable-preference: /]);
  t.strictSame(expected(scenario, { kind: 'any' }), { kind: 'boots' });
});
