/**
 * CLAIM: each way to use a base gets a mutant that works at the link base only, of the same length, and decodes so; what cannot
 * be made is told of; what is no mutant is refused. The encodings are those of GNU as.
 */
import t from 'tap';
import { encodeHex } from '../bits/hex.ts';
import { changesAt, type Mutant } from './mutants.ts';
import { requireMutated } from './mutant-proof.ts';
import { type Case, disassembler, LINK_BASE, mutantsOfCase } from './testdata/roles.ts';

const LOAD_BASE = 0x3e0_0000;
const ESI = { esi: 'base' } as const;

/** One mutant. @returns kind, text, and the bytes at {@link LOAD_BASE}. */
function only(subject: Case): string {
  const { mutants, unmade } = mutantsOfCase(subject);
  if (mutants.length !== 1 || unmade.length > 0) throw new Error(JSON.stringify({ mutants, unmade }));
  return told(mutants[0]!);
}

function told(mutant: Mutant): string {
  const [change] = changesAt(mutant, LOAD_BASE, LINK_BASE);
  return `${mutant.kind}: ${mutant.original} => ${mutant.mutated} ${encodeHex(change!.bytes)}`;
}

function reasons(subject: Case): string[] {
  const { mutants, unmade } = mutantsOfCase(subject);
  return [
    ...mutants.map(({ mutated }) => mutated),
    ...unmade.map(({ kind, reason }) => `${kind}: ${reason}`),
  ];
}

t.test('memory operands with the base register', async (t) => {
  const cases: [string, Case['before'], string][] = [
    ['8b8e c84a4800', ESI, 'operand: mov 0x484ac8(%esi),%ecx => mov 0x484ac8,%ecx 8b0dc84a4800'],
    ['0f0196 02504400', ESI, 'operand: lgdt 0x445002(%esi) => lgdt 0x445002 0f011502504400'],
    ['80be 10504400 00', ESI, 'operand: cmpb $0x0,0x445010(%esi) => cmpb $0x0,0x445010 803d1050440000'],
    [
      'c786 00504400 01000000',
      ESI,
      'operand: movl $0x1,0x445000(%esi) => movl $0x1,0x445000 c7050050440001000000',
    ],
    [
      '8984ce 00b04800',
      ESI,
      'operand: mov %eax,0x48b000(%esi,%ecx,8) => mov %eax,0x48b000(,%ecx,8) 8904cd00b04800',
    ],
    [
      '8b84 24 00304800',
      { esp: 'base' },
      'operand: mov 0x483000(%esp),%eax => mov 0x483000,%eax 8b042500304800',
    ],
    [
      '8b84 31 00304800',
      ESI,
      'operand: mov 0x483000(%ecx,%esi),%eax => mov 0x483000(%ecx),%eax 8b842100304800',
    ],
    ['8b44 31 08', ESI, 'operand: mov 0x8(%ecx,%esi),%eax => mov 0x8(%ecx),%eax 8b442108'],
    ['8b44 0e 08', ESI, 'operand: mov 0x8(%esi,%ecx),%eax => mov 0x8(%ecx),%eax 8b442108'],
    ['8b04 0e', ESI, 'operand: mov (%esi,%ecx),%eax => mov (%ecx),%eax 8b0421'],
    [
      '64 66 8b86 00504400',
      ESI,
      'operand: mov %fs:0x445000(%esi),%ax => mov %fs:0x445000,%ax 64668b0500504400',
    ],
    [
      'f0 0fb18e 00504400',
      ESI,
      'operand: lock cmpxchg %ecx,0x445000(%esi) => lock cmpxchg %ecx,0x445000 f00fb10d00504400',
    ],
    ['ff a6 00504400', ESI, 'operand: jmpl *0x445000(%esi) => jmpl *0x445000 ff2500504400'],
  ];
  for (const [code, before, expected] of cases)
    t.equal(only({ bitness: 32, code, ...(before && { before }) }), expected);
  t.equal(
    only({ bitness: 16, code: '8b84 3412', before: { si: 'base' } }),
    'operand: mov 0x1234(%si),%ax => mov 0x1234,%ax 8b063412',
  );
});

t.test('in 64-bit code', async (t) => {
  t.equal(
    only({ bitness: 64, code: '43 8b84 0c 00304800', before: { r12: 'base' } }),
    'operand: mov 0x483000(%r12,%r9),%eax => mov 0x483000(,%r9),%eax 428b040d00304800',
    'REX.B goes with the base',
  );
  t.equal(
    only({ bitness: 64, code: '4a 8b04 23', before: { r12: 'base' } }),
    'operand: mov (%rbx,%r12),%rax => mov (%rbx),%rax 488b0423',
    'REX.X goes with the index',
  );
  const relative = { bitness: 64, code: '49 8b84 24 00304800', before: { r12: 'base' } } as const;
  t.equal(only(relative), 'operand: mov 0x483000(%r12),%rax => mov 0x483000,%rax 488b042500304800');
  // 0x483000 − (0x200007 + 0x3c00000)
  t.match(only({ bitness: 64, code: '48 8b86 00304800', before: ESI }), / 488b05f92f68fc$/);
});

t.test('position-independent code: one address in a register', async (t) => {
  t.equal(
    only({ bitness: 32, code: '8990 fcffffff', before: { eax: 0x3f_cc50 } }),
    'anchor: mov %edx,-0x4(%eax) => mov %edx,0x3fcc4c 89154ccc3f00',
  );
  t.equal(
    only({ bitness: 32, code: '8d83 15ffffff', before: { ebx: 0x3f_c328 }, after: { eax: 0x3f_c23d } }),
    'anchor: lea -0xeb(%ebx),%eax => lea 0x3fc23d,%eax 8d053dc23f00',
  );
  t.same(reasons({ bitness: 32, code: '8b45 08', before: { ebp: 0x42_fe00 } }), [], 'a pointer is none');
  t.same(reasons({ bitness: 32, code: '8b80 08000000', before: { eax: 'varies' } }), []);
});

t.test('the base itself: added, moved', async (t) => {
  t.equal(only({ bitness: 32, code: '0130', before: ESI }), 'addition: add %esi,(%eax) => nop 9090');
  t.equal(only({ bitness: 32, code: '29f0', before: ESI }), 'addition: sub %esi,%eax => nop 9090');
  t.equal(only({ bitness: 32, code: '89f0', before: ESI }), 'copy: mov %esi,%eax => xor %eax,%eax 31c0');
  t.equal(
    only({ bitness: 64, code: '4989f7', before: { rsi: 'base' } }),
    'copy: mov %rsi,%r15 => xor %r15,%r15 4d31ff',
  );
  t.equal(only({ bitness: 32, code: '8930', before: ESI }), 'copy: mov %esi,(%eax) => nop 9090');
  const { mutants } = mutantsOfCase({ bitness: 32, code: '01b6 04504400', before: ESI });
  t.same(mutants.map(told), [
    'operand: add %esi,0x445004(%esi) => add %esi,0x445004 013504504400',
    'addition: add %esi,0x445004(%esi) => nop 909090909090',
  ]);
});

t.test('relative to RIP: the change goes with the load base', async (t) => {
  const { mutants } = mutantsOfCase({ bitness: 64, code: '488d15e8920400' });
  const [mutant] = mutants;
  t.equal(
    told(mutant!),
    'relative: lea 0x492e8(%rip),%rdx => lea 0x492e8(%rip),%rdx that is always 0x002492ef 488d15e89244fc',
  );
  const at = (loadBase: number) => {
    const [{ bytes } = { bytes: new Uint8Array() }] = changesAt(mutant!, loadBase, LINK_BASE);
    const [lea] = disassembler.decode(bytes, { bitness: 64, address: BigInt(loadBase) });
    const [, memory] = lea!.operands;
    return memory?.kind === 'memory' ? memory.ripRelative : undefined;
  };
  for (const loadBase of [0x40_0000, 0x3e0_0000, 0x7fe0_0000]) t.equal(at(loadBase), 0x20_0007n + 0x4_92e8n);
  t.throws(() => at(0xc000_0000), { name: 'MutantReachError' });
  t.same(
    reasons({ bitness: 64, code: '488d15e8920400', linear: 0xffff_82d0_4020_0000n }),
    [],
    'the high half is fixed',
  );
  t.same(reasons({ bitness: 64, code: '0f1f8400 00020000' }), [], 'a no-op');
});

t.test('a base-relative value that is always the same', async (t) => {
  t.equal(
    only({ bitness: 32, code: '81ee 3eb63f00', before: { esi: 0x3f_b63e }, after: ESI }),
    'computed: sub $0x3fb63e,%esi => mov $0x0,%esi be0000000090',
    'call, pop, sub: the base is taken as 0',
  );
  t.equal(
    only({ bitness: 32, code: '05 8e000000', before: { eax: 0x3f_cbc2 }, after: { eax: 0x3f_cc50 } }),
    'computed: add $0x8e,%eax => mov $0x3fcc50,%eax b850cc3f00',
  );
  t.equal(
    only({ bitness: 64, code: '4981c0 00100000', before: { r8: 0x40_0000 }, after: { r8: 0x40_1000 } }),
    'computed: add $0x1000,%r8 => mov $0x401000,%r8d 41b80010400090',
  );
  t.equal(
    only({
      bitness: 32,
      code: '0305 34020000',
      executed: '0305 34f20800',
      after: { eax: 0x48_7000 },
      gains: ['eax'],
    }),
    'addition: add 0x234,%eax => cmp 0x234,%eax 3b0534020000',
    'the base comes from memory, whose address the image fills in: that stays',
  );
});

t.test('what cannot be made is told of', async (t) => {
  const cases: [Case, string][] = [
    [{ bitness: 32, code: '8b46 08', before: ESI }, 'operand: it has no room for a 32-bit address'],
    [{ bitness: 32, code: '8b06', before: ESI }, 'operand: it has no room for a 32-bit address'],
    [{ bitness: 32, code: '8b04 ce', before: ESI }, 'operand: it has no room for a 32-bit address'],
    [{ bitness: 32, code: '8b84 f1 00304800', before: ESI }, 'operand: its index is scaled'],
    [
      { bitness: 16, code: '8b44 08', before: { si: 'base' } },
      'operand: it has no room for a 16-bit address',
    ],
    [{ bitness: 32, code: 'a5', before: ESI }, 'operand: no ModR/M byte names its memory operand'],
    [{ bitness: 64, code: '67 8b86 00304800', before: ESI }, 'operand: its 32-bit address is in 64-bit code'],
    [{ bitness: 32, code: '56', before: ESI }, 'copy: it has no room for a push of 0'],
    [{ bitness: 32, code: '39f0', before: ESI }, 'addition: no rule says how to compare with 0 instead'],
    [{ bitness: 32, code: '87f0', before: ESI }, 'copy: no rule is written for xchg'],
    [
      { bitness: 32, code: '83c008', after: { eax: 0x40_0008 } },
      'computed: it has no room for a 32-bit value',
    ],
    [
      { bitness: 32, code: '0500002000', after: { eax: 'varies' } },
      'computed: what it computes is not always the same',
    ],
    [
      { bitness: 32, code: '05 34020000', executed: '05 34f20800', after: { eax: 0x40_0008 } },
      'computed: the image changes its bytes before they are executed',
    ],
  ];
  for (const [subject, expected] of cases) t.ok(reasons(subject).includes(expected), expected);
});

t.test('sabotage: what is no mutant is refused', async (t) => {
  const [instruction] = disassembler.decode(Buffer.from('8b8ec84a4800', 'hex'), { bitness: 32, address: 0n });
  const proof = (code: string) =>
    requireMutated(disassembler, {
      ...{ instruction: instruction!, bitness: 32 },
      edit: { bytes: Buffer.from(code, 'hex') },
    });
  t.equal(proof('8b0dc84a4800'), 'mov 0x484ac8,%ecx');
  t.throws(() => proof('8b8ec84a4800'), {
    name: 'MutantUnchangedError',
    message: /is the instruction itself/,
  });
  t.throws(() => proof('8b8fc84a4800'), { name: 'MutantProofError', message: /still has its registers/ });
  t.throws(() => proof('660f0dc84a48'), { name: 'MutantProofError' });
  t.throws(() => proof('8b0dc84a48'), { name: 'MutantProofError', message: /has not 6 bytes/ });
  t.throws(() => proof('030dc84a4800'), { name: 'MutantProofError', message: /is add/ });
  t.throws(() => proof('8b06c84a4800'), {
    name: 'MutantProofError',
    message: /is not one instruction and no-ops/,
  });
});

t.test('what nothing reads', (t) => {
  const [EAX, FLAGS] = [1, 1 << 16];
  const dead = (of: Parameters<typeof mutantsOfCase>[0]) => {
    const { mutants, dead } = mutantsOfCase(of);
    return [mutants.length, ...dead.map(({ reason }) => reason.split(':')[0])];
  };
  const lea = { bitness: 32, code: '8d86 00002000', before: ESI, after: { eax: 'varies' } } as const;
  t.same(dead({ ...lea, readBits: FLAGS - 1 - EAX }), [0, 'nothing reads its result']);
  t.same(dead({ ...lea, readBits: EAX }), [1]);
  const add = { bitness: 32, code: '05 180a0000', after: { eax: 0x3f_c328 } } as const;
  t.same(dead({ ...add, readBits: 0 }), [0, 'nothing reads its result']);
  t.same(dead({ ...add, readBits: FLAGS }), [1], 'its flags are read');
  t.same(dead({ bitness: 32, code: '8b86 00002000', before: ESI, readBits: 0 }), [1], 'it looks at memory');
  t.end();
});

t.test('what the image copies elsewhere is changed there, too', (t) => {
  const { mutants } = mutantsOfCase({ bitness: 32, code: '89f0', before: ESI });
  t.same(changesAt(mutants[0]!, LOAD_BASE, LINK_BASE), [
    { offset: 0, bytes: Buffer.from('31c0', 'hex'), copiedTo: [] },
  ]);
  t.end();
});
