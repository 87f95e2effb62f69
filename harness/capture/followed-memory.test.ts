import t from 'tap';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { stackAddress } from './followed-memory.ts';

t.test('where the stack is: with its base, as wide as its segment', (t) => {
  const at = (bitness: 16 | 32 | 64, fields: Record<string, bigint>) => {
    const words = flatState(bitness);
    for (const [name, value] of Object.entries(fields)) writeField(words, name, value);
    return stackAddress(words);
  };
  t.equal(at(32, { rsp: 0x9000_0000n }), 0x9000_0000, 'unsigned');
  t.equal(at(32, { rsp: 0x100n, 'ss.base': 0x8_0000n }), 0x8_0100);
  t.equal(at(16, { rsp: 0x1234_0100n, 'ss.base': 0x9_0000n }), 0x9_0100, 'SP alone');
  t.equal(at(16, { rsp: 0n, 'ss.base': 0x9_0000n }), 0xa_0000, 'SP = 0 counts down from 64 KiB');
  t.equal(at(64, { rsp: 0x9fea_0300n }), 0x9fea_0300);
  t.equal(at(64, { rsp: 0n, 'ss.attributes': 0n }), 0, 'a null SS in 64-bit mode is no 16-bit one');
  t.end();
});
