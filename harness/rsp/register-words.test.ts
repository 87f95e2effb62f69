/** CLAIM: the words of a `g` reply are the bigints of registers.ts, for every register, and what is no reply is refused. */
import t from 'tap';
import { REGISTER_WORD, RegisterWords } from './register-words.ts';
import { decodeX86Registers, X86_REGISTER_NAMES } from './registers.ts';

const SIZES = new Map<string, number>([
  ['eflags', 4],
  ...['cs', 'ss', 'ds', 'es', 'fs', 'gs'].map((name) => [name, 4] as const),
]);
let at = 0;
const slots = X86_REGISTER_NAMES.map((name, number) => {
  const sizeBytes = SIZES.get(name) ?? 8;
  const slot = { name, number, sizeBytes, offsetBytes: at };
  at += sizeBytes;
  return slot;
});
const reply = Array.from({ length: at }, (_, index) =>
  ((index * 37 + 200) & 0xff).toString(16).padStart(2, '0'),
);

t.test('every register', async (t) => {
  for (const hex of [reply.join(''), reply.join('').toUpperCase()]) {
    const words = new RegisterWords(slots).read(hex);
    const registers = decodeX86Registers(hex, slots);
    for (const name of X86_REGISTER_NAMES) {
      const word = REGISTER_WORD[name];
      const value = BigInt(words[word]! >>> 0) | (BigInt(words[word + 1]! >>> 0) << 32n);
      t.equal(value, registers[name], name);
    }
  }
});

t.test('no such reply', async (t) => {
  const words = new RegisterWords(slots);
  t.throws(() => words.read(reply.slice(1).join('')), { name: 'RspProtocolError', message: /characters/ });
  t.throws(() => words.read(`0x${reply.join('').slice(2)}`), { message: /register rax is no bytes/ });
  t.throws(() => new RegisterWords(slots.slice(1)), { message: /no register rax/ });
});
