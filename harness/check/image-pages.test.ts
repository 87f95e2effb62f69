import t from 'tap';
import { PAGE_BYTES, PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { ImagePages } from './image-pages.ts';

const MASTER = new Uint8Array(2 * PAGE_BYTES + 5).fill(0x11);
const BASE = 0x80_0000;

function put(pages: ImagePages, start = BASE): PhysicalMemory {
  const memory = new PhysicalMemory('unknown');
  pages.putInto(memory, start);
  return memory;
}

void t.test('the image as it is, zeros to the end of its last page', (t) => {
  const memory = put(new ImagePages(MASTER));
  t.same(memory.read(BASE, MASTER.length), MASTER);
  t.equal(memory.read(BASE + MASTER.length, 1)[0], 0);
  t.end();
});

void t.test('what a run wrote is undone, what it did not write is left', (t) => {
  const pages = new ImagePages(MASTER);
  const memory = put(pages);
  memory.load(BASE + 7, Uint8Array.of(0x22));
  t.equal(memory.read(BASE + 7, 1)[0], 0x22);
  t.same(put(pages, 0x100_0000).read(0x100_0000, MASTER.length), MASTER);
  t.equal(pages.page(1).isTouched, false);
  t.end();
});

void t.test('changes, over a page’s border, hold until they are put again', (t) => {
  const pages = new ImagePages(MASTER);
  const memory = put(pages);
  pages.change({ offset: PAGE_BYTES - 1, bytes: Uint8Array.of(1, 2) });
  t.same([...memory.read(BASE + PAGE_BYTES - 1, 2)], [1, 2]);
  t.same(put(pages).read(BASE, MASTER.length), MASTER);
  t.throws(() => pages.change({ offset: pages.count * PAGE_BYTES, bytes: Uint8Array.of(1) }), RangeError);
  t.end();
});

void t.test('only the frames that are asked for', (t) => {
  const memory = new PhysicalMemory('unknown');
  new ImagePages(MASTER).putInto(memory, BASE, (frame) => frame !== BASE / PAGE_BYTES + 1);
  const frames = [...memory.pages()].map(({ frame }) => frame - BASE / PAGE_BYTES);
  t.same(frames, [0, 2]);
  t.end();
});
