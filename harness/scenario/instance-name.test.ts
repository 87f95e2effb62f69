import t from 'tap';
import type { Instance } from './contract.ts';
import {
  instanceName,
  makeInstance,
  nameWithoutRepeat,
  selectInstances,
  UnknownInstanceError,
} from './instance-name.ts';

const plain: Omit<Instance, 'name'> = {
  scenario: 'xen-early-boot',
  subject: 'xen',
  firmware: 'efi',
  machine: 'q35',
  medium: 'iso',
  protocol: 'multiboot2',
  grubVariant: 'standard',
  base: { kind: 'at', address: 0x3e00000 },
  memoryMib: 2560,
};
const named = (changes: Partial<Instance>): Instance => {
  const whole = { ...plain, ...changes };
  return { ...whole, name: instanceName(whole) };
};

t.test('only what differs from the default stands in a name', async (t) => {
  t.equal(named({}).name, 'xen-early-boot~efi~base-0x03e00000');
  t.equal(named({ base: { kind: 'any' } }).name, 'xen-early-boot~efi~base-any');
  t.equal(named({ protocol: 'multiboot1', base: { kind: 'none' } }).name, 'xen-early-boot~efi~multiboot1');
  t.equal(named({ variant: 'ebda-0x2000' }).name, 'xen-early-boot~efi~base-0x03e00000~ebda-0x2000');
  t.equal(
    named({ machine: 'pc', medium: 'disk', grubVariant: 'no-relocation', memoryMib: 512, repeat: 3 }).name,
    'xen-early-boot~efi~base-0x03e00000~pc~disk~no-relocation~memory-512~repeat-3',
  );
});

t.test('a window has its case’s name, a variant of the probe its own', async (t) => {
  const window = { base: { kind: 'window', name: 'middle-0x200000-high' } } as const;
  const probe = { scenario: 'grub-relocatable', firmware: 'bios' } as const;
  t.equal(
    named({ ...probe, ...window, subject: 'probe' }).name,
    'grub-relocatable~bios~middle-0x200000-high',
  );
  t.equal(
    named({ ...probe, base: { kind: 'any' }, subject: 'probe-large-bss' }).name,
    'grub-relocatable~bios~base-any~probe-large-bss',
  );
  t.equal(
    named({ ...probe, ...window, subject: 'probe-fixed', medium: 'disk' }).name,
    'grub-relocatable~bios~middle-0x200000-high~probe-fixed~disk',
  );
  t.equal(
    named({ scenario: 'kernel', subject: 'kernel', base: { kind: 'highest' } }).name,
    'kernel~efi~base-highest',
  );
});

t.test('repeats of an instance have its name in common', async (t) => {
  t.equal(nameWithoutRepeat(named({ repeat: 12 }).name), named({}).name);
  t.equal(nameWithoutRepeat(named({}).name), named({}).name);
});

t.test('the usual axes need not be said', async (t) => {
  const { scenario, subject, firmware, base } = plain;
  t.strictSame(makeInstance({ scenario, subject, firmware, base }), named({}));
  const disk = makeInstance({ scenario, subject, firmware, base, medium: 'disk', memoryMib: 512 });
  t.equal(disk.name, 'xen-early-boot~efi~base-0x03e00000~disk~memory-512');
  t.equal(disk.machine, 'q35');
});

t.test('globs, whole names and scenario names select, in the matrix’s order and once', async (t) => {
  const all = [named({ base: { kind: 'any' } }), named({}), named({ firmware: 'bios' })];
  const names = (...globs: string[]) => selectInstances(all, globs).map(({ name }) => name);
  t.strictSame(
    names(),
    all.map(({ name }) => name),
  );
  t.strictSame(
    names('xen-early-boot'),
    all.map(({ name }) => name),
  );
  t.strictSame(names('*~bios~*', '*~base-any', '*~base-any'), [
    'xen-early-boot~efi~base-any',
    'xen-early-boot~bios~base-0x03e00000',
  ]);
});

t.test('a name that matches nothing is answered with the nearest', async (t) => {
  const all = [named({}), named({ firmware: 'bios' })];
  t.throws(() => selectInstances(all, ['xen-early-boot~bios~base-0x03e0000']), UnknownInstanceError);
  t.throws(
    () => selectInstances(all, ['xen-early-boot~bios~base-0x03e0000']),
    /nearest is xen-early-boot~bios~base-0x03e00000/,
  );
});

t.test('few names are said, for a list of many the command is named', async (t) => {
  const few = [named({}), named({ firmware: 'bios' })];
  t.throws(() => selectInstances(few, ['x']), {
    message: /There are xen-early-boot~efi~base-0x03e00000, xen-early-boot~bios~base-0x03e00000$/,
  });
  const many = Array.from({ length: 13 }, (_, repeat) => named({ repeat }));
  t.throws(() => selectInstances(many, ['x']), { message: /`loadbase list` shows them all$/ });
  t.throws(() => selectInstances([], ['x']), {
    message: 'no instance matches "x". `loadbase list` shows them all',
  });
});
