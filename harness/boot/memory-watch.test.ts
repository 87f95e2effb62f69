import t from 'tap';
import type { SharedRam } from '../guest/guest-view.ts';
import { MemoryWatch, type WatchRequest } from './memory-watch.ts';

const PAGE = 4096;
const SIZE = 4 * 1024 * 1024;

/** RAM in our own memory that knows which pages were touched. */
class TestRam implements SharedRam {
  readonly lowSizeBytes = SIZE;
  readonly bytes = Buffer.alloc(SIZE);
  readonly touched = new Set<number>();

  async read(address: number, sizeBytes: number): Promise<Uint8Array> {
    return Buffer.from(this.bytes.subarray(address, address + sizeBytes));
  }

  async write(address: number, bytes: Uint8Array): Promise<void> {
    this.bytes.set(bytes, address);
    for (let page = Math.floor(address / PAGE); page * PAGE < address + bytes.length; page++)
      this.touched.add(page);
  }

  async extents() {
    return [...this.touched].map((page) => ({ start: page * PAGE, end: (page + 1) * PAGE }));
  }
}

const FREE: WatchRequest = { always: [], free: [{ start: 0, end: SIZE }], kept: [] };
const KEPT: WatchRequest = { always: [], free: [], kept: [{ start: 0, end: SIZE }] };

async function damaged(
  request: WatchRequest,
  harm: (ram: TestRam) => Promise<void>,
  but = [{ start: 0, end: 0 }],
) {
  const ram = new TestRam();
  await ram.write(0x5000, new Uint8Array(PAGE));
  await ram.write(0x9000, Uint8Array.of(1, 2, 3));
  const watch = await MemoryWatch.lay(ram, request);
  await harm(ram);
  return { damages: await watch.compare(but), ram, watch };
}

t.test(
  'nothing is written where nothing was touched, and nothing is found where nothing changed',
  async (t) => {
    const { damages, ram } = await damaged(FREE, async () => undefined);
    t.strictSame(damages, []);
    t.strictSame([...ram.touched], [5, 9]);
    t.strictSame((await damaged(KEPT, async () => undefined)).damages, []);
  },
);

t.test('a store of zeros is seen where the pattern was laid', async (t) => {
  const { damages } = await damaged(FREE, (ram) => ram.write(0x5010, new Uint8Array(4)));
  t.match(damages, [{ start: 0x5010, end: 0x5014, after: '00000000', before: /^[0-9a-f]{8}$/ }]);
});

t.test('the range that always has the pattern has it untouched, too', async (t) => {
  const request = { ...FREE, always: [{ start: 0x200000, end: 0x202000 }] };
  const { damages } = await damaged(request, (ram) => ram.write(0x201000, Uint8Array.of(0)));
  t.match(damages, [{ start: 0x201000, end: 0x201001, after: '00' }]);
});

t.test('what is kept stays as it is, and a change of it is seen', async (t) => {
  const { damages, ram } = await damaged(KEPT, (ram) => ram.write(0x9001, Uint8Array.of(9)));
  t.strictSame(damages, [{ start: 0x9001, end: 0x9002, before: '02', after: '09' }]);
  t.equal(ram.bytes[0x9000], 1);
});

t.test('memory that was never touched must still be zeros', async (t) => {
  const { damages } = await damaged(KEPT, (ram) => ram.write(0x30_0000, Uint8Array.of(7)));
  t.strictSame(damages, [{ start: 0x30_0000, end: 0x30_0001, before: '00', after: '07' }]);
});

t.test('what somebody has come to own is not compared', async (t) => {
  const harm = (ram: TestRam) => ram.write(0x5010, new Uint8Array(4));
  t.strictSame((await damaged(FREE, harm, [{ start: 0x5000, end: 0x6000 }])).damages, []);
});

t.test('a flood of changes is told up to a limit', async (t) => {
  const { damages } = await damaged(FREE, async (ram) => {
    for (let at = 0; at < PAGE; at += 64) await ram.write(0x5000 + at, Uint8Array.of(0));
  });
  t.equal(damages.length, 16);
});
