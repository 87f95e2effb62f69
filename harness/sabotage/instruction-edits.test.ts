import t from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { find, isStoreTo, lastFieldPlus, refersTo, removed, withoutBase } from './instruction-edits.ts';

const disassembler = await loadDisassembler();
const decode = (bytes: readonly number[], bitness: 32 | 64 = 32) => {
  const [instruction] = disassembler.decode(Uint8Array.from(bytes), { bitness, address: 0x1000n });
  if (!instruction) throw new Error('nothing decoded');
  return instruction;
};
const text = (bytes: Uint8Array) => decode([...bytes]).text.replaceAll(/\s+/g, ' ');

const STORE = [0x89, 0x86, 0x50, 0xa8, 0x46, 0x00]; // mov %eax, 0x46a850(%esi)
const INDEXED = [0x89, 0x94, 0xce, 0x00, 0x60, 0x44, 0x00]; // mov %edx, 0x446000(%esi,%ecx,8)
const LEA = [0x8d, 0x86, 0x00, 0x70, 0x48, 0x00]; // lea 0x487000(%esi), %eax

t.test('what an instruction refers to', async (t) => {
  t.ok(refersTo(decode(STORE), 0x46a850));
  t.ok(refersTo(decode([0x8d, 0x35, 0xfa, 0xef, 0xff, 0xff], 64), 0), 'from where it runs');
  t.ok(isStoreTo(decode(STORE), 0x46a850));
  t.notOk(isStoreTo(decode([0x8b, ...STORE.slice(1)]), 0x46a850), 'a load');
  t.throws(() => find([decode(STORE)], 'a call', ({ flow }) => flow === 'call'), {
    name: 'SabotageImpossibleError',
    message: /there is no a call/,
  });
});

t.test('edits keep the length and say the new thing', async (t) => {
  t.match(text(withoutBase(decode(STORE)).bytes), /mov %eax, ?0x46a850$/i);
  t.match(text(withoutBase(decode(INDEXED)).bytes), /mov %edx, ?0x446000\(, ?%ecx, ?8\)$/i);
  t.match(text(lastFieldPlus(decode(LEA), 8).bytes), /lea 0x487008\(%esi\), ?%eax/i);
  t.match(text(lastFieldPlus(decode(LEA), -0x1000).bytes), /lea 0x486000\(%esi\), ?%eax/i);
  t.strictSame([...removed(decode(STORE)).bytes], [0x90, 0x90, 0x90, 0x90, 0x90, 0x90]);
  t.equal(removed(decode(STORE)).linkTime, 0x1000);
});

t.test('what has no base or no 32-bit field is refused', async (t) => {
  t.throws(() => withoutBase(decode([0x89, 0x30])), { name: 'SabotageImpossibleError' }); // mov %esi, (%eax)
  t.throws(() => lastFieldPlus(decode([0x01, 0x30]), 1), { name: 'SabotageImpossibleError' });
});
