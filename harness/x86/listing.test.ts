import t from 'tap';
import { loadDisassembler } from './disassembler.ts';
import { decodeAround, listing } from './listing.ts';

const disassembler = await loadDisassembler();
const NAMES: Readonly<Record<string, string>> = {
  '200000': '_start',
  '200005': '_start+0x5',
  '402000': 'table',
};
const symbolise = (address: bigint): string | undefined => NAMES[address.toString(16)];

t.test('lines: mark, address, names, bytes, text', (t) => {
  const code = Buffer.from('ebfe' + 'a100204000' + 'e8f4ffffff' + 'f4', 'hex');
  const instructions = disassembler.decode(code, { bitness: 32, address: 0x200000n });
  t.strictSame(listing(instructions, { pc: 0x200007n, symbolise }), [
    '   0x00200000 <_start>  eb fe           jmp 0x200000 <_start>',
    '   0x00200002           a1 00 20 40 00  mov 0x402000,%eax  # <table>',
    '=> 0x00200007           e8 f4 ff ff ff  call 0x200000 <_start>',
    '   0x0020000c           f4              hlt',
  ]);
  t.strictSame(listing(instructions.slice(0, 1)), ['   0x00200000  eb fe  jmp 0x200000']);
  t.strictSame(listing([]), []);
  t.end();
});

t.test('addresses relative to the instruction pointer are written out', (t) => {
  const code = Buffer.from('8b05f91f2000', 'hex');
  const instructions = disassembler.decode(code, { bitness: 64, address: 0x200001n });
  t.strictSame(listing(instructions, { symbolise }), [
    '   0x00200001  8b 05 f9 1f 20 00  mov 0x201ff9(%rip),%eax  # 0x00402000 <table>',
  ]);
  t.end();
});

t.test('around a program counter an instruction begins there', (t) => {
  // Cut so that the first bytes are the end of a longer instruction.
  const code = Buffer.from('0000' + 'b801000000' + 'fa' + '31c0' + 'f4' + '90' + '90', 'hex');
  const around = (pc: bigint, before: number, after: number): string[] =>
    decodeAround(disassembler, code, { bitness: 32, address: 0x1000n, pc, before, after }).map((i) => i.text);
  t.strictSame(around(0x100an, 3, 1), ['mov $0x1,%eax', 'cli', 'xor %eax,%eax', 'hlt', 'nop']);
  t.strictSame(around(0x100an, 1, 0), ['xor %eax,%eax', 'hlt']);
  t.strictSame(around(0x100an, 0, 0), ['hlt']);
  t.strictSame(around(0x1000n, 5, 0), ['add %al,(%eax)'], 'nothing lies before');
  t.strictSame(around(0xfffn, 1, 1), [], 'outside the bytes');
  t.strictSame(around(0x2000n, 1, 1), []);
  t.end();
});

t.test('bytes before that lead nowhere are left out', (t) => {
  const code = Buffer.from('ffff' + 'f4', 'hex');
  const decoded = decodeAround(disassembler, code, {
    bitness: 32,
    address: 0n,
    pc: 2n,
    before: 5,
    after: 0,
  });
  t.strictSame(
    decoded.map((i) => i.text),
    ['hlt'],
  );
  t.end();
});
