import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { writerAt } from './writer-search.ts';

const disassembler = await loadDisassembler();

t.test(
  'the instruction that ends at the program counter, though its bytes could be read otherwise',
  async (t) => {
    // rdtsc; mov %eax,0x46a850; nop. From its second byte on, rdtsc would begin an xor that ends one byte later.
    const code = Uint8Array.of(0x0f, 0x31, 0xa3, 0x50, 0xa8, 0x46, 0x00, 0x90, 0x90, 0x90);
    const writer = writerAt(disassembler, code, { start: 0x1000n, pc: 0x1007n, bitness: 32 });
    t.match(writer, { address: 0x1002n, text: /^mov +%eax,0x46a850$/ });
  },
);

t.test('a repeated string store that has not come to its end', async (t) => {
  const code = Uint8Array.of(0x31, 0xc0, 0xf3, 0xab, 0x90);
  t.equal(writerAt(disassembler, code, { start: 0n, pc: 2n, bitness: 32 })?.mnemonic, 'stosd');
});

t.test('no instruction ends there', async (t) => {
  const code = Uint8Array.of(0xb8, 0, 0, 0, 0, 0x90);
  t.equal(writerAt(disassembler, code, { start: 0n, pc: 3n, bitness: 32 }), undefined);
});
