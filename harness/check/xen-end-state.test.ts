/** CLAIM: of a real boot's end state everything holds; each observation speaks when what it looks at is spoilt, and says what. */
import t from 'tap';
import { writeField } from '../x86/state/state-layout.ts';
import { BASES, goldenEnd, SpoiltEnd } from './testdata/golden-ends.ts';
import { XenEndState } from './xen-end-state.ts';

const [BASE, START] = [BASES[0], BASES[0] - 0x20_0000];
const golden = await goldenEnd('bios', BASE);
/** What tables say that map nothing. */
const UNMAPPED = [
  /^the level 2 table for 0x00000000 is not there/,
  ...Array.from({ length: 4 }, () => /^0x[0-9a-f]{16} is not mapped/),
];
const needsImage = typeof golden === 'string' ? { skip: golden } : {};

t.test('real boots: all holds', needsImage, async (t) => {
  for (const firmware of ['bios', 'efi'] as const)
    for (const base of BASES) {
      const end = await goldenEnd(firmware, base);
      if (typeof end === 'string') return t.fail(end);
      const observations = new XenEndState(end.symbols, end.image).observe(end);
      t.equal(observations.length, 27);
      t.same(
        observations.filter(({ ok }) => !ok),
        [],
        `${firmware} at 0x${base.toString(16)}`,
      );
    }
});

t.test('each observation speaks', needsImage, async (t) => {
  if (typeof golden === 'string') return;
  const check = new XenEndState(golden.symbols, golden.image);
  const end = new SpoiltEnd(golden);
  const spoken = new Set<number>();
  const breaks = (what: string, spoil: () => void, ...texts: readonly (string | RegExp)[]) => {
    spoil();
    const observations = check.observe(end);
    const wrong = observations.filter(({ ok }) => !ok).map(({ text }) => text);
    for (const [index, { ok }] of observations.entries()) if (!ok) spoken.add(index);
    t.equal(wrong.length, texts.length, `${what}: ${wrong.join(' | ')}`);
    texts.forEach((text, index) => t.match(wrong[index], text, what));
    end.mend();
  };
  const register = (name: string, value: bigint) => () => writeField(end.words, name, value);
  const at = (symbol: string, offset?: number) => end.at(symbol, offset);
  const add = (address: number, value: number) => () => end.put(address, end.word(address) + value);
  const flip = (address: number, bits: number) => () => end.put(address, end.word(address) ^ bits);
  const clear = (address: number) => () => end.put(address, 0);
  const slot = (BASE / 0x20_0000) * 8;

  breaks('elsewhere', register('rip', 0x1234n), /^control is at __start_xen: RIP is 0x1234, not 0xffff82d0/);
  breaks('compatibility mode off', register('efer', 0n), /no long mode$/);
  breaks('a forgotten start', clear(at('xen_phys_start')), 'xen_phys_start is 0x0, not 0x3c00000');
  breaks(
    'a table entry without the base',
    add(at('l2_xenmap', 511 * 8), -START),
    /^l2_xenmap\[511\] is 0x00596063, not 0x04196063/,
    /^entry 511 of the level 2 table at 0x0408b000, 0x0000000000596063: no such memory/,
  );
  breaks(
    'the same where a copy of the image stands',
    () => {
      end.put(0x59_6000, 0);
      end.put(at('l2_xenmap', 511 * 8), 0x59_6063);
    },
    /^l2_xenmap\[511\] is/,
    'the table for 0xffff82d07fe00000 is at 0x00596000',
  );
  breaks(
    'an entry of a page nearby',
    add(at('l2_fixmap', 511 * 8), 0x1000),
    /^l2_fixmap\[511\] is 0x0?4198063, not/,
  );
  breaks(
    'reserved',
    flip(at('l2_bootmap', slot), 0x2000),
    /reserved bits$/,
    /^0x0000000003e00000 is not mapped/,
  );
  breaks(
    'swapped',
    add(at('l3_bootmap', 24), -0x1000),
    /^the level 2 table for 0xc0000000 is at 0x0?4049000, not/,
  );
  breaks(
    'own range',
    add(at('l2_xenmap', 8), 0x20_0000),
    /^0xffff82d040200000 is mapped to 0x04000000, not to/,
  );
  breaks(
    'own range, a hole',
    clear(at('l2_xenmap', 16)),
    /^0xffff82d040400000 is not mapped, not to 0x04000000/,
  );
  breaks('identity', clear(at('l2_bootmap', slot)), /^0x0000000003e00000 is not mapped, not to 0x03e00000/);
  breaks(
    'direct',
    clear(at('l2_directmap', slot + 8)),
    /^0xffff830004000000 is not mapped, not to 0x04000000/,
  );
  breaks('low', clear(at('l1_directmap', 8)), /^0xffff830000001000 is not mapped, not to 0x00001000/);
  breaks(
    'the link-time range',
    () => end.put(at('l2_bootmap', 8), 0x20_01e3),
    '0x0000000000200000 is mapped to 0x00200000',
  );
  breaks(
    'more trampoline',
    () => end.put(at('l1_bootmap', 0x91 * 8), 0x9_1021),
    /^0x0000000000091000 is mapped/,
  );
  breaks('user', flip(at('l2_xenmap', 8), 4), /^0xffff82d040200000 has the entry 0x0000000003e001e7/);
  breaks('read only', flip(at('l2_directmap', slot), 2), /^0xffff830003e00000 has the entry/);
  breaks('GDTR', register('gdtr.base', 0x8_f1f8n), /^GDTR is 0x8f1f8, not 0xffff82d0/);
  breaks('limit', register('gdtr.limit', 0x2fn), 'GDTR’s limit is 0x2f, not 0xefff');
  breaks('a descriptor', flip(at('boot_gdt', 0x10), 1), 'the GDT does not hold what it was linked with');
  breaks('32-bit code', register('cs.attributes', 0xcf9b00n), /^CS 0xe008 has the attributes 0x00cf9b00/);
  breaks('a code segment with a base', register('cs.base', BigInt(BASE)), /^CS 0xe008/);
  breaks('SS', register('ss.selector', 0xe010n), 'SS, the null selector, is 0xe010, not 0x0');
  breaks('a word too many', register('rsp', 0xffff_82d0_4042_fee8n), /^RSP, below its return address is/);
  breaks('a stack below', register('rsp', 0x9fff0n), /^RSP, below/, /is not in cpu0_stack at/);
  breaks('stack_start relocated', add(at('stack_start'), START), /^stack_start is/);
  breaks('the argument', register('rdi', 0x9000n), /multiboot_ptr says 0x0009dfb0/);
  breaks('the trampoline', flip(0x8_f000, 0x90), /^at 0x0008f000 stands .*, not the image's/);
  breaks('a relocation', add(0x8_f020, -0x8_f000), /^at 0x0008f02/, /^offset 0x020 is/);
  breaks(
    'its start',
    clear(0x8_f234),
    /^at 0x0008f2/,
    'the trampoline’s xen_phys_start is 0x0, not 0x3c00000',
  );
  breaks('tables that are not its own', register('cr3', BigInt(at('l2_fixmap'))), /^CR3 is/, ...UNMAPPED);
  breaks(
    'its place',
    clear(at('trampoline_phys')),
    /^nothing|^0x000000000008f000 is mapped/,
    /^the trampoline is at/,
  );
  t.same(
    [...spoken].sort((a, b) => a - b),
    Array.from({ length: 27 }, (_, index) => index),
  );
});
