import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import { bitnessOf, changesHidden, destinationOf, stackLinear } from './step-rules.ts';

const disassembler = await loadDisassembler();

const decode = (code: string, bitness: 16 | 32 | 64 = 32, address = 0x1000n) =>
  disassembler.decode(Buffer.from(code, 'hex'), { bitness, address, limit: 1 })[0]!;

function state(fields: Readonly<Record<string, bigint>>): Int32Array {
  const words = new Int32Array(STATE_WORDS);
  for (const [name, value] of Object.entries(fields)) writeField(words, name, value);
  return words;
}

const CODE_32 = { 'cs.attributes': 0xcf9a00n };
const CODE_64 = { 'cs.attributes': 0xaf9a00n, efer: 0xd00n };

t.test('modes', async (t) => {
  t.equal(bitnessOf(state({ 'cs.attributes': 0x9b00n })), 16);
  t.equal(bitnessOf(state(CODE_32)), 32);
  t.equal(bitnessOf(state(CODE_64)), 64);
  t.equal(bitnessOf(state({ ...CODE_64, efer: 0n })), 16, 'the bit means nothing before long mode is active');
});

t.test('what can change hidden state', async (t) => {
  const does = {
    'mov %eax,%ds': '8ed8',
    'pop %es': '07',
    'lss (%eax),%esp': '0fb220',
    'ljmp $8,$0': 'ea000000000800',
    'lcall *(%eax)': 'ff18',
    lret: 'cb',
    iret: 'cf',
    'int $0x10': 'cd10',
    'lgdt (%eax)': '0f0110',
    'lidt (%eax)': '0f0118',
    'ltr %ax': '0f00d8',
    'mov %eax,%cr0': '0f22c0',
    clts: '0f06',
    wrmsr: '0f30',
    'out %al,$0x92': 'e692',
    ud2: '0f0b',
  };
  for (const [text, code] of Object.entries(does)) t.ok(changesHidden(decode(code)), text);
  const doesNot = { 'mov %ds,%eax': '8cd8', ret: 'c3', 'call *%eax': 'ffd0', 'pop %eax': '58', nop: '90' };
  for (const [text, code] of Object.entries(doesNot)) t.notOk(changesHidden(decode(code)), text);
});

t.test('where control goes', async (t) => {
  const words = state({ ...CODE_32, rax: 0x1234n, rsp: 0x7000n, rbx: 0xfffffff0n, rcx: 8n });
  t.same(destinationOf(decode('e8fb000000'), words), { kind: 'linear', linear: 0x1100n });
  t.same(destinationOf(decode('ffe0'), words), { kind: 'linear', linear: 0x1234n });
  t.same(destinationOf(decode('ff548b20'), words), { kind: 'in memory', at: 0x30n }, 'ebx + 4 ecx + 0x20');
  t.same(destinationOf(decode('c3'), words), { kind: 'in memory', at: 0x7000n });
  t.same(destinationOf(decode('cd15'), words), { kind: 'outside' });
  t.same(destinationOf(decode('cb'), words), { kind: 'unknown' });
  t.same(destinationOf(decode('74fe'), words), { kind: 'next' });
  const real = state({
    'cs.attributes': 0x9b00n,
    'cs.base': 0x8f000n,
    'ss.base': 0x90000n,
    rsp: 0xff0n,
    rax: 0x12345n,
  });
  t.same(destinationOf(decode('ffd0', 16), real), { kind: 'linear', linear: 0x8f000n + 0x2345n });
  t.equal(stackLinear(real), 0x90ff0n);
  const long = state({ ...CODE_64, r8: 0xffff82d040200000n, 'ss.base': 0x1000n, rsp: 0x5000n });
  t.same(destinationOf(decode('41ffe0', 64), long), { kind: 'linear', linear: 0xffff82d040200000n });
  t.same(destinationOf(decode('ff2500010000', 64), long), { kind: 'in memory', at: 0x1106n });
  t.equal(stackLinear(long), 0x5000n, 'bases mean nothing in 64-bit code');
});
