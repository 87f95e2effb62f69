/** CLAIM: of two runs at two bases the instruction is named after which a place differs for good, and the one after which
 * control goes another way; of one run, the last that changed some memory. */
import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeCache } from '../x86/execute/code-cache.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { Stepper } from '../x86/execute/stepper.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { findFirstAsymmetries, type SteppedRun } from './first-asymmetry.ts';

const store = new CodeStore(await loadDisassembler());
const [A, B] = [0x10_0000, 0x90_0000];

/** 32-bit code that is entered with its load base in ESI. */
function begin(loadBase: number, code: string, more: Readonly<Record<string, bigint>> = {}): SteppedRun {
  const memory = new PhysicalMemory('zero');
  memory.load(loadBase, Buffer.from(code.replaceAll(' ', ''), 'hex'));
  const cpu = new Cpu(memory);
  const state = flatState(32);
  const fields = { rip: BigInt(loadBase), rsi: BigInt(loadBase), rsp: 0x8000n, ...more };
  for (const [name, value] of Object.entries(fields)) writeField(state, name, value);
  cpu.load(state);
  const stepper = new Stepper(cpu, new CodeCache(store));
  return { cpu, loadBase, step: () => stepper.step() };
}

const both = (code: string) => [begin(A, code), begin(B, code)] as const;
const word = (offset: number) => ({ kind: 'memory', reference: A + offset, here: B + offset }) as const;
const rax = { kind: 'register', field: 'rax' } as const;
const flags = { kind: 'register', field: 'rflags' } as const;

t.test('a store without the base', (t) => {
  // lea 0x100(%esi),%eax; mov %eax,0x200(%esi); mov %eax,0x100204; mov %eax,0x204(%esi)
  const runs = both('8d8600010000 898600020000 a304021000 898604020000 f4');
  const lost = 'after the third, A’s own copy is written, B’s is not; the fourth makes it good';
  const found = findFirstAsymmetries(...runs, [word(0x200), word(0x204), rax], 100);
  t.same(found.instructions, [undefined, undefined, undefined], lost);
  t.equal(found.executed, 4);
  t.equal(found.apart, undefined);
  const missing = both('8d8600010000 898600020000 a304021000 f4');
  t.same(findFirstAsymmetries(...missing, [word(0x200), word(0x204)], 100).instructions, [
    undefined,
    { linear: BigInt(A + 12), bitness: 32 },
  ]);
  t.end();
});

t.test('a value that is derived from the base in another way', (t) => {
  // mov %esi,%eax; shr $21,%eax; nop
  const found = findFirstAsymmetries(...both('89f0 c1e815 90 f4'), [rax], 100);
  t.same(found.instructions, [{ linear: BigInt(A + 2), bitness: 32 }]);
  // cmp $0x500000,%esi: the carry
  const compared = findFirstAsymmetries(...both('90 81fe00005000 f4'), [flags], 100);
  t.same(compared.instructions, [{ linear: BigInt(A + 1), bitness: 32 }]);
  t.end();
});

t.test('what was asymmetric from the beginning', (t) => {
  const runs = [begin(A, '90 f4', { rax: 1n }), begin(B, '90 f4', { rax: 2n })] as const;
  t.same(findFirstAsymmetries(...runs, [rax], 100).instructions, [undefined]);
  t.throws(() => findFirstAsymmetries(...both('f4'), [{ kind: 'register', field: 'eax' }], 1), RangeError);
  t.end();
});

t.test('control that goes another way', (t) => {
  // cmp $0x500000,%esi; jb 1f; nop; 1: hlt
  const { apart, executed } = findFirstAsymmetries(...both('81fe00005000 7201 90 f4'), [], 100);
  t.same(apart, { after: BigInt(A + 6), reference: BigInt(A + 9), here: BigInt(B + 8) });
  t.equal(executed, 2);
  t.end();
});

t.test('one that stops where the other goes on', (t) => {
  const { apart } = findFirstAsymmetries(begin(A, '90 90 f4'), begin(B, '90 f4'), [], 100);
  t.match(apart, { after: BigInt(A + 1), stopped: { which: 'here', reason: { kind: 'halted' } } });
  t.match(findFirstAsymmetries(begin(A, 'f4'), begin(B, '90'), [], 9).apart?.stopped, { which: 'reference' });
  t.end();
});

t.test('a bound', (t) => {
  t.match(findFirstAsymmetries(...both('ebfe'), [], 100), { executed: 100, apart: undefined });
  t.end();
});
