/** CLAIM: what an instruction uses is told as plain data, addresses apart from what is accessed through them. */
import t from 'tap';
import { loadDisassembler } from './disassembler.ts';

const disassembler = await loadDisassembler();
const usage = (hex: string, bitness: 16 | 32 | 64) => disassembler.usage(Buffer.from(hex, 'hex'), bitness);

t.test('operands, registers and memory', (t) => {
  t.match(usage('ff7604', 32), {
    operands: [{ reads: true, writes: false }],
    registers: [
      { register: 'ds' },
      { register: 'esi' },
      { register: 'ss' },
      { register: 'esp', writes: true },
    ],
    memory: [
      { operand: { base: 'esi', displacement: 4n, sizeBytes: 4 }, reads: true, writes: false },
      { operand: { base: 'esp', segment: 'ss', sizeBytes: 4 }, reads: false, writes: true },
    ],
  });
  t.match(usage('8d8600002000', 32), {
    operands: [{ writes: true }, { reads: false, writes: false }],
    memory: [],
  });
  t.match(usage('31c0', 32)?.registers, [{ register: 'eax', reads: false, writes: true }], 'xor %eax,%eax');
  t.match(usage('0f44c1', 32)?.operands[0], { writes: true, isConditional: true }, 'cmov');
  t.match(usage('f3a5', 32)?.memory, [{ operand: { sizeBytes: 0 } }, { operand: { sizeBytes: 0 } }]);
  t.end();
});

t.test('relative to the instruction pointer: a distance, wherever it stands', (t) => {
  t.match(usage('488b0510000000', 64)?.memory, [
    { operand: { base: 'rip', displacement: 0x10n, sizeBytes: 8 } },
  ]);
  t.end();
});

t.test('bytes that begin with no instruction', (t) => {
  t.equal(usage('06', 64), undefined);
  t.equal(usage('e8', 32), undefined);
  t.end();
});
