import t from 'tap';
import { noteText } from './note-text.ts';

t.test('in one line: where, and what', (t) => {
  t.equal(
    noteText({ kind: 'memory', step: 7, address: 0x9eff8, sizeBytes: 2 }),
    'step 7: 2 bytes at 0x0009eff8 are others in the machine than in the model',
  );
  const fields = [{ name: 'rax', expected: 6n, actual: 5n }];
  t.equal(
    noteText({ kind: 'state', step: 3, linear: 0x1005n, fields }),
    'step 3, before 0x00001005: rax  recorded 0x0000000000000006, model 0x0000000000000005',
  );
  t.equal(
    noteText({ kind: 'stopped', step: 1, linear: 0x1000n, reason: { kind: 'halted' } }),
    'step 1, before 0x00001000: the model stopped: HLT',
  );
  t.end();
});
