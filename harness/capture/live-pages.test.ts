import t from 'tap';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import { LivePages, type Pages, touchedPages } from './live-pages.ts';
import { fakeRam } from './testdata/fake-ram.ts';

const firstBytes = (pages: Pages, frames: readonly number[]) => frames.map((frame) => pages.get(frame)?.[0]);

t.test('pages as they are at each read, in runs, what is beyond RAM left out', async (t) => {
  const ram = fakeRam(8 * PAGE_BYTES);
  for (let frame = 0; frame < 8; frame++) ram.bytes[frame * PAGE_BYTES] = frame + 1;
  const live = new LivePages(ram);
  t.same(firstBytes(await live.read([3, 1, 2, 9, 3]), [1, 2, 3, 9]), [2, 3, 4, undefined]);
  t.same(ram.reads, [[PAGE_BYTES, 3 * PAGE_BYTES]], 'one run is one read');
  ram.bytes[2 * PAGE_BYTES] = 99;
  t.same(firstBytes(await live.read([7]), [2, 7]), [99, 8], 'those of before, too');
  t.equal(ram.reads.length, 3);
});

t.test('many runs are laid out anew, and hold the same', async (t) => {
  const ram = fakeRam(128 * PAGE_BYTES);
  for (let frame = 0; frame < 128; frame++) ram.bytes[frame * PAGE_BYTES + 5] = frame;
  const live = new LivePages(ram);
  for (let frame = 0; frame < 60; frame += 2) await live.read([frame]);
  for (let frame = 1; frame < 60; frame += 2) await live.read([frame]);
  ram.reads.length = 0;
  const pages = await live.read([]);
  for (let frame = 0; frame < 60; frame++) t.equal(pages.get(frame)?.[5], frame);
  t.ok(ram.reads.length <= 24, `${ram.reads.length} reads for 60 pages that follow one another`);
});

t.test('all that was ever touched', async (t) => {
  const ram = fakeRam(16 * PAGE_BYTES, [
    { start: PAGE_BYTES, end: 3 * PAGE_BYTES },
    { start: 8 * PAGE_BYTES, end: 9 * PAGE_BYTES },
  ]);
  const pages = await touchedPages(ram);
  t.same(
    Array.from({ length: 16 }, (_, frame) => frame).filter((frame) => pages.get(frame)),
    [1, 2, 8],
  );
  t.equal(pages.stretch(1, 2)?.length, 2 * PAGE_BYTES, 'in a row');
  t.equal(pages.stretch(8, 1)?.length, PAGE_BYTES);
  for (const [first, count] of [
    [1, 3],
    [0, 2],
    [8, 2],
    [5, 1],
  ] as const)
    t.equal(pages.stretch(first, count), undefined, `${count} from ${first}`);
});
