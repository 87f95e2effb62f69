import t from 'tap';
import { HEADER } from '../trace/testdata/trace-builder.ts';
import { HARDWARE, TCG } from '../x86/execute/habits.ts';
import { rangesThatAre } from './known-runs.ts';
import { habitsOf, memoryWithImage } from './loaded-memory.ts';

t.test(
  'segments where they were loaded, changed as they were booted, zeros behind them, nothing else',
  (t) => {
    const segments = [
      { physicalAddress: 0x2000, imageOffset: 1, fileSizeBytes: 3, memorySizeBytes: 5 },
      { physicalAddress: 0x1000, imageOffset: 0, fileSizeBytes: 0, memorySizeBytes: 2 },
    ];
    const changes = [{ imageOffset: 2, bytes: 'aabb' }];
    // As a file is read: a Buffer's slice() copies nothing.
    const file = Buffer.of(1, 2, 3, 4, 5);
    const memory = memoryWithImage({ ...HEADER, subject: { ...HEADER.subject, segments, changes } }, file);
    t.same([...memory.read(0x2000, 6)], [2, 0xaa, 0xbb, 0, 0, 0]);
    t.same(rangesThatAre('known', memory, { address: 0x1000, sizeBytes: 0x2000 }), [
      { address: 0x1000, sizeBytes: 2 },
      { address: 0x2000, sizeBytes: 5 },
    ]);
    t.same([...file], [1, 2, 3, 4, 5], 'the file stays as it is');
    t.end();
  },
);

t.test('whose CPU it was', (t) => {
  t.equal(habitsOf({ ...HEADER, accelerator: 'tcg' }), TCG);
  t.equal(habitsOf({ ...HEADER, accelerator: 'kvm' }), HARDWARE);
  t.end();
});
