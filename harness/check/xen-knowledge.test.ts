/** What is known of a Xen in miniature; of real ones the golden end states tell (xen-end-state.test.ts). */
import t from 'tap';
import { smallXen, LINK_BASE, VIRTUAL_START } from '../xen/testdata/small-xen.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { StrippedXenKnowledge } from './stripped-xen-knowledge.ts';
import { XenKnowledge } from './xen-knowledge.ts';

const { image, symbols } = smallXen(t.testdir({}), (source) =>
  source.replace('xen_phys_start:', 'stack_start: .quad 0\nxen_phys_start:'),
);
const BASE = 0x80_0000;
const TRAMPOLINE = 0x8_f000;
const knowledge = (version?: string) => new XenKnowledge(symbols, image.loaded, version);
const initial = flatState(32);

function cpuWith(trampoline: number): Cpu {
  const memory = new PhysicalMemory('zero');
  const at = symbols.linkTime('trampoline_phys') - LINK_BASE + BASE;
  memory.load(at, Buffer.from(Uint32Array.of(trampoline).buffer));
  return new Cpu(memory);
}

void t.test('early boot ends at __start_xen, and nowhere beside it', (t) => {
  const end = symbols.linear('__start_xen');
  t.equal(knowledge().endAt(end), '__start_xen');
  t.equal(knowledge().endAt(end + 1n), undefined);
  t.same(knowledge().highHalf, {
    start: VIRTUAL_START + BigInt(LINK_BASE),
    end: VIRTUAL_START + BigInt(LINK_BASE + image.loaded.loadSize),
  });
  t.end();
});

void t.test('the trampoline’s window is its own once it says where that is', (t) => {
  const owned = (entry: 'bios' | 'efi', physical: number, trampoline = TRAMPOLINE) =>
    knowledge().owned(cpuWith(trampoline), BASE, entry, physical);
  t.same(owned('efi', TRAMPOLINE), { start: TRAMPOLINE, end: TRAMPOLINE + 0x10000 });
  t.same(owned('bios', TRAMPOLINE + 0xffff), { start: TRAMPOLINE - 512, end: TRAMPOLINE + 0x10000 });
  t.ok(owned('bios', TRAMPOLINE - 512), 'a disk’s first sector');
  t.notOk(owned('efi', TRAMPOLINE - 1), 'no disks');
  t.notOk(owned('bios', TRAMPOLINE - 513));
  t.notOk(owned('bios', TRAMPOLINE + 0x10000));
  t.notOk(owned('bios', TRAMPOLINE, 0), 'not yet');
  t.notOk(owned('bios', 0x20_0000, 0x20_0000), 'no trampoline is there');
  t.end();
});

void t.test('the word that the 32-bit entry borrows', (t) => {
  const owned = (entry: 'bios' | 'efi', physical: number) =>
    knowledge().owned(cpuWith(0), BASE, entry, physical);
  t.same(owned('bios', 0xffc), { start: 0xffc, end: 0x1000 });
  t.notOk(owned('bios', 0xffb));
  t.notOk(owned('efi', 0xffc));
  t.end();
});

void t.test('it not being put back is a known defect before 4.20', (t) => {
  const borrowed = { ok: false, text: 'at 0x00000ffc stands 00000000, not a5a5a5a5' };
  t.match(knowledge('4.17').knownDefect(borrowed), /known defect of Xen 4\.17, mended in 4\.20/);
  t.equal(knowledge('4.20').knownDefect(borrowed), undefined);
  t.equal(knowledge('4.17').knownDefect({ ok: false, text: 'another' }), undefined);
  t.end();
});

void t.test('without symbols: the end is the high half, and must be in the image', (t) => {
  const stripped = new StrippedXenKnowledge(image.loaded);
  t.equal(stripped.endAt(0xffff_82d0_4020_0000n), 'its high half');
  t.equal(stripped.endAt(0x7fff_ffff_ffffn), undefined);
  t.ok(stripped.owned(cpuWith(0), BASE, 'efi', TRAMPOLINE));
  t.notOk(stripped.owned(cpuWith(0), BASE, 'efi', 0xa_0000));
  t.notOk(stripped.owned(cpuWith(0), BASE, 'efi', 0x80));
  const cpu = cpuWith(0);
  const endAt = (address: number) => {
    const words = initial.slice();
    writeField(words, 'rip', BigInt(address));
    cpu.load(words);
    return stripped.endState({ cpu, entry: 'bios', loadBase: BASE, initial, consoleText: '' });
  };
  t.match(endAt(BASE + 0x10), [{ ok: true }]);
  t.match(endAt(LINK_BASE), [{ ok: false, text: /physical 0x00200000, which is not the image/ }]);
  t.end();
});
