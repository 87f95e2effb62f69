import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { planCheckpoints, type CheckpointPlan } from './checkpoint-addresses.ts';
import { entryAddress, type EntryKind } from '../subject/entry-kind.ts';
import { smallXen } from './testdata/small-xen.ts';

const disassembler = await loadDisassembler();
const xen = smallXen(t.testdir());

/** Checkpoint → link-time physical or linear address. */
const places = ({ addresses }: CheckpointPlan) =>
  Object.fromEntries(
    addresses.map((address) => [
      address.name,
      address.space === 'linear' ? address.linear : address.linkTime,
    ]),
  );

t.test('every checkpoint is found by what its code does', async (t) => {
  const at = (symbol: string) => xen.symbols.linkTime(symbol);
  const plan = planCheckpoints(xen.image, xen.symbols, 'multiboot32', disassembler);
  t.strictSame(plan.notPossible, []);
  t.strictSame(places(plan), {
    entry: at('_start'),
    'base computed': at('__start') + 13,
    'boot information relocated': at('trampoline_setup') + 12,
    'page tables relocated': at('after_loop'),
    'trampoline copied': at('far_return'),
    'long mode': xen.symbols.linear('__high_start'),
    __start_xen: xen.symbols.linear('__start_xen'),
  });
  const base = plan.addresses.find(({ name }) => name === 'base computed');
  t.match(base, { baseRegister: 'esi' });
});

t.test('where memory is reserved is a stop only where something is', async (t) => {
  const plan = planCheckpoints(xen.image, xen.symbols, 'multiboot32', disassembler, { reserves: true });
  t.strictSame(plan.notPossible, []);
  t.match(places(plan), { 'memory reserved': xen.symbols.linear('init_frametable') });
  t.equal(plan.addresses.at(-1)?.name, 'memory reserved', 'the last that is met');
});

t.test('the EFI entry has its own first two', async (t) => {
  const plan = planCheckpoints(xen.image, xen.symbols, 'efi64', disassembler);
  t.strictSame(plan.notPossible, []);
  t.match(places(plan), {
    entry: xen.symbols.linkTime('efi_entry'),
    'base computed': xen.symbols.linkTime('after_lea'),
  });
  t.match(plan.addresses[1], { baseRegister: 'rsi' });
});

t.test(
  'code that does its work wrongly is found all the same, so that its result is looked at',
  async (t) => {
    const folder = t.testdir();
    for (const [entry, checkpoint, edit] of [
      [
        'multiboot32',
        'page tables relocated',
        ['lea __page_tables_start - V', 'lea __page_tables_start + 8 - V'],
      ],
      [
        'multiboot32',
        'page tables relocated',
        ['lea __page_tables_end - V', 'lea __page_tables_end - 4096 - V'],
      ],
      [
        'efi64',
        'base computed',
        [
          'lea __image_base__(%rip), %rsi\n',
          'lea __image_base__ + 0x200000(%rip), %rsi\nadd %esi, gdt_boot_base(%rip)\n',
        ],
      ],
    ] as const) {
      const broken = smallXen(folder, (source) => source.replace(edit[0], edit[1]));
      const plan = planCheckpoints(broken.image, broken.symbols, entry, disassembler);
      t.strictSame(plan.notPossible, [], edit[1]);
      t.ok(plan.addresses.some(({ name }) => name === checkpoint));
    }
  },
);

t.test('without symbols only the entry can be found, and that is said', async (t) => {
  const plan = planCheckpoints(xen.image, undefined, 'multiboot32', disassembler);
  t.strictSame(plan.addresses, [{ name: 'entry', space: 'image', linkTime: 0x200000 }]);
  t.strictSame(plan.notPossible, ['all after the entry: the image came without symbols']);
});

t.test('what is not there is listed with its reason, and the rest is found', async (t) => {
  const cases: readonly [entry: EntryKind, edit: (source: string) => string, reason: string][] = [
    [
      'multiboot32',
      (source) => source.replace('sub $(1b - V), %esi', 'nop'),
      'base computed: no call/pop/sub that computes the base from where the code runs in __start',
    ],
    [
      'multiboot32',
      (source) => source.replace('sub $(1b - V), %esi', 'sub $(1b - V), %edi'),
      'base computed: no call/pop/sub that computes the base from where the code runs in __start',
    ],
    [
      'efi64',
      (source) => source.replace('lea __image_base__(%rip), %rsi', 'nop'),
      'base computed: no lea of the image base in x86_32_switch',
    ],
    [
      'multiboot32',
      (source) => source.replace('call reloc', 'nop'),
      'boot information relocated: no call of reloc in trampoline_setup',
    ],
    [
      'multiboot32',
      (source) => source.replaceAll(/lea __page_tables_(?:start|end) - V.*/g, 'nop'),
      'page tables relocated: no loop up to __page_tables_end in trampoline_setup',
    ],
    [
      'multiboot32',
      (source) => source.replace('    jb 2b\n', ''),
      'page tables relocated: no loop up to __page_tables_end in trampoline_setup',
    ],
    [
      'multiboot32',
      (source) => source.replace('    lret\n', ''),
      'trampoline copied: no far return at the end of trampoline_setup',
    ],
  ];
  const folder = t.testdir();
  for (const [entry, edit, reason] of cases) {
    const broken = smallXen(folder, edit);
    const plan = planCheckpoints(broken.image, broken.symbols, entry, disassembler);
    t.strictSame(plan.notPossible, [reason]);
    t.equal(plan.addresses.length, 6);
  }
});

t.test(
  'a symbol that a later check needs and that is gone takes that checkpoint with it, not the boot',
  async (t) => {
    const folder = t.testdir();
    for (const [symbol, checkpoint] of [
      ['gdt_boot_base', 'boot information relocated'],
      ['__trampoline_seg_start', 'trampoline copied'],
      ['idle_pg_table', 'long mode'],
      ['boot_gdtr', '__start_xen'],
      ['reloc', 'boot information relocated'],
    ] as const) {
      const renamed = smallXen(folder, (source) =>
        source.replaceAll(new RegExp(`\\b${symbol}\\b`, 'g'), 'renamed'),
      );
      const { notPossible } = planCheckpoints(renamed.image, renamed.symbols, 'multiboot32', disassembler);
      t.ok(
        notPossible.includes(`${checkpoint}: the symbol file has no symbol ${symbol}`),
        `${symbol}: ${notPossible.join('; ')}`,
      );
    }
  },
);

t.test('an image without an EFI amd64 entry tag has no EFI entry', async (t) => {
  const bios = smallXen(t.testdir(), (source) => source.replace('.word 9, 1', '.word 0x99, 1'));
  t.equal(entryAddress(bios.image, 'multiboot32'), 0x200000);
  t.throws(() => entryAddress(bios.image, 'efi64'), /no EFI amd64 entry address header tag/);
});
