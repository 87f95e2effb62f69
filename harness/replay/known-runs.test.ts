import t from 'tap';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { joinedRuns, rangesThatAre } from './known-runs.ts';

t.test('known and unknown parts of a range, over the end of a page', (t) => {
  const memory = new PhysicalMemory('unknown');
  memory.load(0x1ffe, Uint8Array.of(1, 2, 3));
  memory.load(0x2004, Uint8Array.of(4));
  const range = { address: 0x1ffc, sizeBytes: 10 };
  t.same(rangesThatAre('known', memory, range), [
    { address: 0x1ffe, sizeBytes: 3 },
    { address: 0x2004, sizeBytes: 1 },
  ]);
  t.same(rangesThatAre('unknown', memory, range), [
    { address: 0x1ffc, sizeBytes: 2 },
    { address: 0x2001, sizeBytes: 3 },
    { address: 0x2005, sizeBytes: 1 },
  ]);
  memory.load(0x3000, new Uint8Array(4096));
  t.same(rangesThatAre('unknown', memory, { address: 0x3000, sizeBytes: 4096 }), [], 'a page all known');
  t.end();
});

t.test('runs that touch are one, in order', (t) => {
  const runs = [
    { address: 8, bytes: Uint8Array.of(3) },
    { address: 4, bytes: Uint8Array.of(1, 2) },
    { address: 6, bytes: Uint8Array.of(9) },
  ];
  t.same(
    joinedRuns(runs).map(({ address, bytes }) => [address, [...bytes]]),
    [
      [4, [1, 2, 9]],
      [8, [3]],
    ],
  );
  t.end();
});
