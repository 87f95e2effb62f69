/** CLAIM: a value counts as unread only where it is replaced as a whole before anything could read it. */
import t from 'tap';
import type { Bitness } from '../x86/execute/cpu.ts';
import { disassembler } from './testdata/roles.ts';
import { FLAGS, registerUse, UnreadValues, type Writer } from './unread-values.ts';

const [EAX, ECX] = [0, 1];

/** Whether something may have read what the first instruction left there. */
function reads(register: number, bitness: Bitness, ...codes: readonly (string | undefined)[]): boolean {
  const values = new UnreadValues();
  const writers = codes.map((code): Writer | undefined => {
    if (code === undefined) return undefined;
    const [bits, hex] = code.includes(':') ? code.split(':') : [bitness, code];
    const own = Number(bits) as Bitness;
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    return { use: registerUse(disassembler.usage(bytes, own), own), readBits: 0 };
  });
  for (const writer of writers)
    if (writer) values.executed(writer);
    else values.allRead();
  return (writers[0]!.readBits & (1 << register)) !== 0;
}

const LEA = '8d8600002000'; // lea 0x200000(%esi),%eax
const MOV_EAX = 'b801000000';

t.test('registers', (t) => {
  t.notOk(reads(EAX, 32, LEA, MOV_EAX, undefined), 'replaced');
  t.notOk(reads(EAX, 32, LEA, '31c0', '89c1'), 'xor of itself replaces');
  t.ok(reads(EAX, 32, LEA, '89c1'), 'mov %eax,%ecx');
  t.ok(reads(EAX, 32, LEA, '50', MOV_EAX), 'push %eax');
  t.ok(reads(EAX, 32, LEA, '8b08', MOV_EAX), 'mov (%eax),%ecx');
  t.ok(reads(EAX, 32, LEA, 'b001', '89c1'), 'mov $1,%al: the rest is still there');
  t.ok(reads(EAX, 32, LEA, '0f44c1', MOV_EAX), 'cmove %ecx,%eax');
  t.ok(reads(EAX, 32, LEA, undefined), 'firmware, or the end');
  t.ok(reads(EAX, 64, LEA, '06'), 'what is no instruction');
  t.notOk(reads(ECX, 32, LEA, undefined), 'it wrote no ECX');
  t.end();
});

t.test('halves', (t) => {
  const lea64 = '488d0500000000';
  t.notOk(reads(EAX, 64, lea64, '31c0', undefined), '32 bits written in 64-bit code clear the rest');
  t.ok(reads(EAX, 64, lea64, `32:${MOV_EAX}`), '32-bit code leaves the upper half');
  t.end();
});

t.test('flags', (t) => {
  const add = '05180a0000';
  t.ok(reads(FLAGS, 32, add, '7400'), 'je');
  t.notOk(reads(FLAGS, 32, add, '31c0', '7400'), 'xor replaces them');
  t.ok(reads(FLAGS, 32, add, '40', '31c0'), 'inc leaves CF');
  t.ok(reads(FLAGS, 32, add, '9c'), 'pushf');
  t.notOk(reads(FLAGS, 32, LEA, '7400'), 'lea sets none');
  t.end();
});
