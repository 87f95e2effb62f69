import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { ARITHMETIC, FLAG } from '../state/flags.ts';
import { oneInstruction } from './testdata/one-instruction.ts';

const run = oneInstruction(await loadDisassembler());
const READ_ONLY = { 'ds.attributes': 0x00cf_9100n };

t.test('xadd', (t) => {
  const inRegisters = run({ bitness: 64, code: '0fc1d8', state: { rax: -1n, rbx: 0x1_0000_0002n } });
  t.same([inRegisters.field('rax'), inRegisters.field('rbx')], [1n, 0xffff_ffffn]);
  t.equal(inRegisters.flags & ARITHMETIC, FLAG.cf | FLAG.af);
  t.equal(
    run({ bitness: 32, code: '0fc1c0', state: { rax: 7n } }).field('rax'),
    14n,
    'a register with itself',
  );
  const state = { rbx: 0x3000n, rcx: 0x1111n };
  const inMemory = run({ bitness: 32, code: 'f0660fc10b', state, memory: { 0x3000: '2222ffff' } });
  t.same([inMemory.bytesAt(0x3000, 4), inMemory.field('rcx')], ['3333ffff', 0x2222n]);
  const denied = run({ bitness: 32, code: '0fc10b', state: { ...state, ...READ_ONLY, rflags: 2n } });
  t.same([denied.field('rcx'), denied.flags], [0x1111n, 2]);
  t.match(denied.end, { vector: 13 });
  t.end();
});

t.test('cmpxchg: equal', (t) => {
  const state = { rax: 5n, rbx: 0x3000n, rcx: 0xdead_beefn };
  const inMemory = run({ bitness: 32, code: '0fb10b', state, memory: { 0x3000: '05000000' } });
  t.same([inMemory.bytesAt(0x3000, 4), inMemory.field('rax')], ['efbeadde', 5n]);
  t.equal(inMemory.flags & ARITHMETIC, FLAG.zf | FLAG.pf);
  const wide = run({ bitness: 64, code: '0fb1cb', state: { rax: 0x9_0000_0005n, rbx: 5n, rcx: 8n } });
  t.same([wide.field('rax'), wide.field('rbx')], [0x9_0000_0005n, 8n]);
  t.end();
});

t.test('cmpxchg: not equal', (t) => {
  const memory = { 0x3000: '0600000000000000' };
  const inMemory = run({ bitness: 64, code: '480fb10b', state: { rax: 5n, rbx: 0x3000n, rcx: 9n }, memory });
  t.same([inMemory.bytesAt(0x3000, 1), inMemory.field('rax')], ['06', 6n]);
  t.equal(inMemory.flags & (FLAG.zf | FLAG.cf | FLAG.sf), FLAG.cf | FLAG.sf);
  const kept = run({ bitness: 64, code: '0fb1cb', state: { rax: 5n, rbx: 0x7_0000_0006n, rcx: 8n } });
  t.same([kept.field('rax'), kept.field('rbx')], [6n, 0x7_0000_0006n], 'the register is not touched');
  const bytes = run({ bitness: 32, code: '0fb0cb', state: { rax: 0xff05n, rbx: 0x1234_5605n, rcx: 8n } });
  t.equal(bytes.field('rbx'), 0x1234_5608n);
  const denied = { ...READ_ONLY, rax: 5n, rbx: 0x3000n };
  t.match(run({ bitness: 32, code: '0fb10b', state: denied, memory }).end, { vector: 13, errorCode: 0 });
  t.end();
});

t.test('cmpxchg8b', (t) => {
  const memory = { 0x3000: '0102030405060708' };
  const state = { rax: 0x0403_0201n, rdx: 0x0807_0605n, rbx: 0xaaaa_aaaan, rcx: 0xbbbb_bbbbn, rsi: 0x3000n };
  const equal = run({ bitness: 32, code: '0fc70e', state: { ...state, rflags: 0x897n }, memory });
  t.equal(equal.bytesAt(0x3000, 8), 'aaaaaaaabbbbbbbb');
  t.equal(equal.flags, 0x8d7);
  const other = run({
    bitness: 64,
    code: '0fc70e',
    state: { ...state, rax: -1n, rdx: -1n, rflags: 0x8d7n },
    memory,
  });
  t.same([other.field('rax'), other.field('rdx'), other.flags], [0x0403_0201n, 0x0807_0605n, 0x897]);
  t.equal(other.bytesAt(0x3000, 8), '0102030405060708');
  t.end();
});

t.test('cmpxchg16b', (t) => {
  const memory = { 0x3000: '01000000000000000200000000000000' };
  const state = { rax: 1n, rdx: 2n, rbx: 3n, rcx: 4n, rsi: 0x3000n };
  const equal = run({ bitness: 64, code: '480fc70e', state, memory });
  t.equal(equal.bytesAt(0x3000, 16), '03000000000000000400000000000000');
  t.equal(equal.flags & FLAG.zf, FLAG.zf);
  const other = run({ bitness: 64, code: '480fc70e', state: { ...state, rdx: 9n }, memory });
  t.same([other.field('rax'), other.field('rdx'), other.flags & FLAG.zf], [1n, 2n, 0]);
  t.match(run({ bitness: 64, code: '480fc70e', state: { ...state, rsi: 0x3008n } }).end, {
    vector: 13,
    errorCode: 0,
  });
  t.end();
});
