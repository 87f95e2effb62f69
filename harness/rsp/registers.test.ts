import t from 'tap';
import { X86_REGISTER_NAMES, decodeX86Registers } from './registers.ts';
import { registerSlots } from './target-description.ts';

const SELECTORS = ['eflags', 'cs', 'ss', 'ds', 'es', 'fs', 'gs'];
const XML = X86_REGISTER_NAMES.map(
  (name) => `<reg name="${name}" bitsize="${SELECTORS.includes(name) ? 32 : 64}"/>`,
).join('');

t.test('each register by name, little-endian, unsigned', async (t) => {
  const slots = registerSlots([XML]);
  const bytes = Buffer.alloc(slots.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  for (const { number, offsetBytes, sizeBytes } of slots)
    bytes.writeUIntLE(number + 1, offsetBytes, Math.min(6, sizeBytes));
  const registers = decodeX86Registers(bytes.toString('hex'), slots);
  t.same(
    X86_REGISTER_NAMES.map((name) => registers[name]),
    X86_REGISTER_NAMES.map((_, index) => BigInt(index + 1)),
  );
  t.equal(registers.get('cr3'), registers.cr3);
  t.equal(registers.get('xmm0'), undefined);
  const high = decodeX86Registers('ff'.repeat(bytes.length), slots);
  t.equal(high.rax, 0xffff_ffff_ffff_ffffn);
  t.equal(high.cs, 0xffff_ffffn);
});

t.test('replies that do not fit', async (t) => {
  const slots = registerSlots([XML]);
  t.throws(() => decodeX86Registers('00'.repeat(20), slots), {
    message: /holds 20 bytes and ends before rcx/,
  });
  t.throws(() => decodeX86Registers('xxxxxxxx', slots), { name: 'RspProtocolError' });
  t.throws(() => decodeX86Registers('000', slots), { name: 'RspProtocolError' });
  const noCr8 = registerSlots([XML.replace('"cr8"', '"other"')]);
  t.throws(() => decodeX86Registers('00'.repeat(400), noCr8), { message: /no register cr8/ });
});
