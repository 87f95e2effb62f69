import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { ARITHMETIC, FLAG } from '../state/flags.ts';
import { STATE_WORDS, writeField } from '../state/state-layout.ts';
import { undefinedFlags } from './undefined-flags.ts';

const disassembler = await loadDisassembler();
const { cf, af, of, zf } = FLAG;

function mask(hex: string, cl = 0): number {
  const before = new Int32Array(STATE_WORDS);
  writeField(before, 'rcx', BigInt(cl));
  return undefinedFlags(disassembler.decodeExecutable(Buffer.from(hex, 'hex'), 64)!, before);
}

t.test('by mnemonic, count and size', (t) => {
  for (const [hex, cl, wanted, what] of [
    ['01d8', 0, 0, 'add'],
    ['90', 0, 0, 'nop'],
    ['21d8', 0, af, 'and'],
    ['f7f3', 0, ARITHMETIC, 'div'],
    ['0fa3d8', 0, ARITHMETIC & ~(cf | zf), 'bt'],
    ['0fbcc3', 0, ARITHMETIC & ~zf, 'bsf'],
    ['d1e0', 0, af, 'shl by one'],
    ['d3e0', 0, 0, 'shl by 0'],
    ['d3e0', 32, 0, 'shl by 32 is by 0'],
    ['48d3e0', 32, af | of, 'shl of 64 bits by 32'],
    ['d3e0', 2, af | of, 'shl by 2'],
    ['d2e0', 8, af | of | cf, 'shl of 8 bits by 8'],
    ['d2f8', 9, af | of, 'sar of 8 bits by 9'],
    ['d3c0', 1, 0, 'rol by 1'],
    ['d3c0', 5, of, 'rol by 5'],
    ['0fa4d801', 0, af, 'shld by 1'],
    ['0fa4d805', 0, af | of, 'shld by 5'],
    ['660fa4d811', 0, ARITHMETIC, 'shld of 16 bits by 17'],
    ['d223', 9, af | of | cf, 'shl in memory'],
  ] as const)
    t.equal(mask(hex, cl), wanted, what);
  t.end();
});
