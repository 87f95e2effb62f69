/** CLAIM: a copy of a part of the image is found by what is executed there, though some of its bytes are changed. */
import t from 'tap';
import { imageCopies } from './image-copies.ts';

const LINK_BASE = 0x20_0000;
const master = Uint8Array.from({ length: 0x1000 }, (_, at) => Math.imul(at + 1, 0x9e37_79b1) >>> 24);
const image = { master, linkBase: LINK_BASE };
/** @param from in the image */
const at = (physical: number, from: number) => ({ physical, bytes: master.slice(from, from + 15) });
const changed = ({ physical, bytes }: ReturnType<typeof at>) => ({ physical, bytes: bytes.with(3, 0xee) });

t.test('found', (t) => {
  const code = [at(0x8000, 0x100), changed(at(0x8010, 0x110)), at(0x8040, 0x140)];
  t.same(imageCopies(code, image), [{ address: 0x8000, linkTime: LINK_BASE + 0x100, sizeBytes: 0x4f }]);
  t.end();
});

t.test('none', (t) => {
  t.same(imageCopies([], image), []);
  t.same(imageCopies([{ physical: 0x8000, bytes: new Uint8Array(15).fill(0xee) }], image), []);
  t.end();
});
