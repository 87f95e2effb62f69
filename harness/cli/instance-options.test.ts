import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import t, { type Test } from 'tap';
import { buildElf } from '../elf/testdata/elf-builder.ts';
import { header, RELOCATABLE, type BuiltTag } from '../multiboot2/testdata/image-builder.ts';
import { instanceName, UnknownInstanceError } from '../scenario/instance-name.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { loadSubject, type Subject } from '../scenario/subject.ts';
import { instance } from '../scenario/testdata/fake-run.ts';
import { UsageError } from './exit-codes.ts';
import {
  addInstanceOptions,
  chosenInstances,
  matrixInstances,
  type InstanceOptions,
} from './instance-options.ts';

const LOAD_SIZE = 0x3a7000;
const at = (address: number) => ({ kind: 'at', address }) as const;

/** A matrix of both firmwares whose first instance of each is plain, as the real one. */
const small: Scenario = {
  name: 'small',
  claim: 'It is small.',
  sweeps: true,
  given: () => ({ arguments: '', misalignedText: 'ERR' }),
  instances: () =>
    [
      ...(['bios', 'efi'] as const).flatMap((firmware) => [
        instance({ firmware, base: { kind: 'any' }, memoryMib: 2560 }),
        instance({ firmware, base: at(0x3e00000), medium: 'disk', memoryMib: 2560 }),
      ]),
      instance({ protocol: 'multiboot1', base: { kind: 'none' }, memoryMib: 2560 }),
    ].map((one) => ({ ...one, name: instanceName(one) })),
};

async function subject(t: Test, tag: BuiltTag | undefined = RELOCATABLE): Promise<Subject> {
  const path = join(t.testdir(), 'image');
  const bytes = header(tag.type === 10 ? [tag] : []);
  const segment = { paddr: 0x200000n, bytes, memsz: LOAD_SIZE };
  writeFileSync(path, buildElf({ segments: [segment], firstOffset: 0x80 }));
  return loadSubject('xen', path, undefined, 'small');
}

const names = (options: InstanceOptions, image: Subject, globs: string[] = []) =>
  chosenInstances([small], globs, options, new Map([['xen', image]])).map(({ name }) => name);

t.test('without options the matrix as it is, in order', async (t) => {
  t.strictSame(names({}, await subject(t)), [
    'small~bios~base-any',
    'small~bios~base-0x03e00000~disk',
    'small~efi~base-any',
    'small~efi~base-0x03e00000~disk',
    'small~bios~multiboot1',
  ]);
});

t.test('narrowed by scenario, firmware and glob', async (t) => {
  const image = await subject(t);
  t.strictSame(names({ firmware: ['efi'] }, image, ['*~disk']), ['small~efi~base-0x03e00000~disk']);
  t.strictSame(names({ scenario: [] }, image), []);
  t.throws(() => names({ firmware: ['efi'] }, image, ['*multiboot1']), UnknownInstanceError);
});

t.test('forced bases replace the matrix’s: one plain instance each, in the order given', async (t) => {
  t.strictSame(names({ base: [0x80000000, 0x3e00000, 0x80000000] }, await subject(t)), [
    'small~bios~base-0x80000000',
    'small~bios~base-0x03e00000',
    'small~efi~base-0x80000000',
    'small~efi~base-0x03e00000',
  ]);
});

t.test('another amount of memory is in the name, and decides what is beyond it', async (t) => {
  const image = await subject(t);
  t.equal(matrixInstances([small], { memory: 512 })[0]?.name, 'small~bios~base-any~memory-512');
  t.throws(() => names({ memory: 512, base: [0x80000000] }, image), UsageError);
});

t.test('repeats have names of their own', async (t) => {
  t.strictSame(names({ repeat: 2 }, await subject(t), ['small~bios~base-any']), [
    'small~bios~base-any~repeat-1',
    'small~bios~base-any~repeat-2',
  ]);
});

t.test('a base that cannot be: the numbers, before anything boots', async (t) => {
  const image = await subject(t);
  const cases: [base: number, message: RegExp][] = [
    [
      0x3e01000,
      /^base 0x03e01000 is no multiple of the image's alignment 0x200000; choose 0x03e00000 or 0x04000000/,
    ],
    [0x100000, /^base 0x00100000 is below the image's lowest address 0x00200000/],
    [
      0xffe00000,
      /0xffe00000 \+ load size 0x003a7000 = 0x1001a7000 is beyond 0xffffffff; choose .* at most 0xffc00000/,
    ],
    [
      0xa0000000,
      /an image at 0xa0000000 ends at 0xa03a7000, past the machine's memory .*\(0xa0000000\); choose a lower base/,
    ],
  ];
  for (const [base, message] of cases) {
    t.throws(() => names({ base: [base] }, image), UsageError);
    t.throws(() => names({ base: [base] }, image), { message });
  }
  const low: BuiltTag = { type: 10, optional: true, payload: [0x200000, 0x4000000, 0x200000, 2] };
  const windowed = await subject(t, low);
  t.throws(() => names({ base: [0x3e00000] }, windowed), {
    name: 'UsageError',
    message:
      /0x03e00000 \+ load size 0x003a7000 = 0x041a7000 is above the image's highest address 0x04000000/,
  });
  const fixed = await subject(t, { type: 1 });
  t.throws(() => names({ base: [0x3e00000] }, fixed), {
    name: 'UsageError',
    message: /no relocatable header tag: it always loads at 0x00200000 and cannot be sent to 0x03e00000/,
  });
});

t.test('--base all is every aligned base that the window and low memory leave', async (t) => {
  const image = await subject(t);
  const all = names({ base: ['all'], memory: 64, firmware: ['bios'] }, image);
  // From 2 MiB to 64 MiB less the image's 3.7 MiB: 2, 4, … 60.
  t.equal(all.length, 30);
  t.strictSame(
    [all[0], all.at(-1)],
    ['small~bios~base-0x00200000~memory-64', 'small~bios~base-0x03c00000~memory-64'],
  );
  t.equal(
    names({ base: ['all', 0x3c00000], memory: 64, firmware: ['bios'] }, image).length,
    30,
    'no base twice',
  );
  t.throws(() => names({ base: ['all'], memory: 4 }, image), {
    name: 'UsageError',
    message:
      /no multiple of 0x200000 from 0x00200000 on leaves room for the image \(0x3a7000 bytes\) in 4 MiB/,
  });
  const fixed = await subject(t, { type: 1 });
  t.throws(() => names({ base: ['all'] }, fixed), {
    name: 'UsageError',
    message: /--base all: the image has no relocatable header tag/,
  });
});

t.test('a finely aligned image is still sent to multiples of 2 MiB only', async (t) => {
  const fine: BuiltTag = { type: 10, optional: true, payload: [0x201000, 0xffffffff, 0x1000, 2] };
  const all = names({ base: ['all'], memory: 16, firmware: ['bios'] }, await subject(t, fine));
  t.strictSame(
    all.map((name) => /base-(0x[0-9a-f]+)/.exec(name)?.[1]),
    ['0x00400000', '0x00600000', '0x00800000', '0x00a00000', '0x00c00000'],
  );
});

t.test('on the command line', async (t) => {
  const parse = (...words: string[]): InstanceOptions => {
    const command = addInstanceOptions(new Command(), [small]).exitOverride();
    command.configureOutput({ writeErr: () => undefined });
    return command.parse(words, { from: 'user' }).opts();
  };
  t.strictSame(
    parse('--base', '0x3e00000,all', '--base', '200000', '--firmware', 'efi,bios', '--repeat', '3'),
    {
      base: [0x3e00000, 'all', 0x200000],
      firmware: ['efi', 'bios'],
      repeat: 3,
    },
  );
  t.strictSame(parse('--scenario', 'small', '--memory', '512'), { scenario: ['small'], memory: 512 });
  for (const words of [
    ['--firmware', 'uefi'],
    ['--scenario', 'smal'],
    ['--base', '0x100000000'],
    ['--memory', '0'],
    ['--repeat', 'often'],
  ])
    t.throws(() => parse(...words), CommanderError, words.join(' '));
  t.throws(() => parse('--scenario', 'smal'), { message: /the nearest to "smal" is small/ });
});

t.test('a scenario that is about one condition gets neither bases nor memory unasked', async (t) => {
  const condition: Scenario = {
    name: 'condition',
    claim: 'It is about 16 MiB.',
    given: () => ({ arguments: '' }),
    instances: () =>
      (['any', 'none'] as const).map((kind) => {
        const one = instance({ scenario: 'condition', base: { kind }, memoryMib: 16 });
        return { ...one, name: instanceName(one) };
      }),
  };
  const both = [small, condition];
  const subjects = new Map([['xen', await subject(t)]] as const);
  const asked = (options: InstanceOptions) =>
    chosenInstances(both, [], { firmware: ['bios'], ...options }, subjects).map(({ name }) => name);
  t.strictSame(asked({ base: [0x400000] }), ['small~bios~base-0x00400000']);
  t.strictSame(asked({ base: [0x400000], scenario: ['condition'], memory: 64 }), [
    'condition~bios~base-0x00400000~memory-16',
  ]);
  t.ok(asked({ memory: 64 }).includes('condition~bios~base-any~memory-16'));
  t.ok(asked({ memory: 64 }).includes('small~bios~base-any~memory-64'));
});
