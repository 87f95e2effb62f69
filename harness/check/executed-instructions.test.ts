/**
 * CLAIM: what a run executes is found by its link-time address, wherever it lies, copies of the image's own making included; which
 * registers hold the base is found by comparing two runs; a mutant made of that does what the code does at its link base.
 */
import t from 'tap';
import { CodeCache, linearOf } from '../x86/execute/code-cache.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { run } from '../x86/execute/step.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField, writeField } from '../x86/state/state-layout.ts';
import { ExecutionRecorder, type ImagePlace, linkTimeOf } from './executed-instructions.ts';
import { changesAt, mutantsOf } from './mutants.ts';
import { rolesByComparison } from './mutant-roles.ts';
import { disassembler, LINK_BASE } from './testdata/roles.ts';

// It finds its base, copies its last two instructions to 0x8000, fills in the base there, and goes there.
const CODE = `
  e800000000       ; 200000: call 1f
  5e               ; 200005: 1: pop %esi
  81ee05002000     ; 200006: sub $1b, %esi
  8d8e31002000     ; 20000c: lea end(%esi), %ecx
  01b62b002000     ; 200012: add %esi, 0x20002b(%esi): the immediate of the mov in the copied part
  56               ; 200018: push %esi
  8db62a002000     ; 200019: lea 0x20002a(%esi), %esi
  bf00800000       ; 20001f: mov $0x8000, %edi
  a5 66a5          ; 200024: movsl; movsw
  5e               ; 200027: pop %esi
  ffe2             ; 200028: jmp *%edx
  b800002000       ; 20002a: mov $_start, %eax
  f4               ; 20002f: hlt
  00`;
const IMAGE = Buffer.from(CODE.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
const COPY = { address: 0x8000, linkTime: 0x20_002a, sizeBytes: 6 };
const store = new CodeStore(disassembler);

function boot(loadBase: number, image: Uint8Array) {
  const memory = new PhysicalMemory('zero');
  memory.load(loadBase, image);
  const cpu = new Cpu(memory);
  const state = flatState(32);
  for (const [name, value] of Object.entries({ rip: loadBase, rsp: 0x7000, rdx: 0x8000 }))
    writeField(state, name, BigInt(value));
  cpu.load(state);
  return cpu;
}

function recorded(loadBase: number) {
  const recorder = new ExecutionRecorder(disassembler);
  const cpu = boot(loadBase, IMAGE);
  const end = recorder.run(cpu, new CodeCache(store));
  const place: ImagePlace = { linkBase: LINK_BASE, loadBase, sizeBytes: IMAGE.length, copies: [COPY] };
  return { cpu, end, instructions: recorder.instructions(place), base: loadBase - LINK_BASE };
}

t.test('recorded as it would run otherwise', async (t) => {
  const { cpu, end, instructions } = recorded(0x40_0000);
  const plain = boot(0x40_0000, IMAGE);
  t.same(run(plain, new CodeCache(store)), end);
  t.same(cpu.state(), plain.state());
  t.same(
    instructions.map(({ linkTime }) => linkTime - LINK_BASE),
    [0, 5, 6, 0xc, 0x12, 0x18, 0x19, 0x1f, 0x24, 0x25, 0x27, 0x28, 0x2a],
  );
  t.match(instructions.at(-1), { linear: 0x8000n, bitness: 32, count: 1 });
  t.equal(Buffer.from(instructions.at(-1)!.bytes).toString('hex', 0, 5), 'b800004000', 'as executed');
});

t.test('where control may not go, nothing is looked at', async (t) => {
  const recorder = new ExecutionRecorder(disassembler);
  const cpu = boot(0x40_0000, IMAGE);
  const code = new CodeCache(store, (low, high) => linearOf(low, high) !== 0x8000n);
  t.match(recorder.run(cpu, code), { executed: 12, reason: { kind: 'left', linear: 0x8000n } });
  t.same(recorder.run(boot(0x40_0000, IMAGE), new CodeCache(store), 3), {
    executed: 3,
    reason: { kind: 'limit' },
  });
});

t.test('roles, and mutants of them', async (t) => {
  const [here, there] = [recorded(0x40_0000), recorded(0x8000_0000)];
  t.throws(() => rolesByComparison(here, here), { name: 'SameBaseError' });
  const segment = { paddr: BigInt(LINK_BASE), vaddr: 0n, offset: 0, filesz: IMAGE.length };
  const segments = [{ ...segment, type: 1, memsz: IMAGE.length, flags: 0, align: 1 }];
  const { roles, uncompared } = rolesByComparison(here, there);
  t.same(uncompared, []);
  const shorter = { ...there, instructions: there.instructions.slice(1) };
  t.match(rolesByComparison(here, shorter).uncompared, [{ linkTime: LINK_BASE }]);
  const { mutants, unmade } = mutantsOf({
    image: { bytes: IMAGE, loaded: { linkBase: LINK_BASE, segments } },
    roles,
    disassembler,
    symbolAt: (linkTime) => `start+0x${(linkTime - LINK_BASE).toString(16)}`,
  });
  t.same(
    mutants.map(({ kind, symbol, mutated }) => `${symbol} ${kind}: ${mutated}`),
    [
      'start+0x6 computed: mov $0x0,%esi',
      'start+0xc operand: lea 0x200031,%ecx',
      'start+0x12 operand: add %esi,0x20002b',
      'start+0x12 addition: nop',
      'start+0x19 operand: lea 0x20002a,%esi',
    ],
  );
  t.same(
    unmade.map(({ symbol, reason }) => `${symbol}: ${reason}`),
    ['start+0x18: it has no room for a push of 0'],
  );
  const dropped = mutants.find(({ kind }) => kind === 'addition')!;
  const image = Uint8Array.from(IMAGE);
  for (const { offset, bytes } of changesAt(dropped, 0x40_0000, LINK_BASE)) image.set(bytes, offset);
  const cpu = boot(0x40_0000, image);
  run(cpu, new CodeCache(store));
  t.equal(readField(here.cpu.state(), 'rax'), 0x40_0000n);
  t.equal(readField(cpu.state(), 'rax'), BigInt(LINK_BASE), 'the link-time address');
});

t.test('addresses', async (t) => {
  const place = { linkBase: LINK_BASE, loadBase: 0x40_0000, sizeBytes: 0x1000, copies: [COPY] };
  t.equal(linkTimeOf(place, 0x40_0010), 0x20_0010);
  t.equal(linkTimeOf(place, 0x8005), 0x20_002f);
  for (const elsewhere of [0x20_0010, 0x40_1000, 0x8006, 0x7fff])
    t.equal(linkTimeOf(place, elsewhere), undefined);
});
