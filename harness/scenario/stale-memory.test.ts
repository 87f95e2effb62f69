import t from 'tap';
import type { SharedRam } from '../guest/guest-view.ts';
import { bench } from '../qemu/testdata/bench.ts';
import { makeStale } from './stale-memory.ts';
import { smallSubject } from './testdata/fake-run.ts';

const BASE = 0x10_0000;

/** Notes what is written. */
function noting(lowSizeBytes = 64 << 20) {
  const written: { start: number; end: number; byte: number | undefined }[] = [];
  const ram = {
    lowSizeBytes,
    write: async (address: number, bytes: Uint8Array) =>
      void written.push({ start: address, end: address + bytes.length, byte: bytes[0] }),
  } as unknown as SharedRam;
  return { ram, written };
}

t.test('all of the image’s place, where nothing was touched', async (t) => {
  const subject = await smallSubject(bench(t).directory);
  const { loadSize } = subject.image.loaded;
  const { ram, written } = noting();
  await makeStale(ram, { base: BASE, subject });
  t.strictSame(written, [{ start: BASE, end: BASE + loadSize, byte: 0xa5 }]);
});

t.test('what a fork has written already stays', async (t) => {
  const subject = await smallSubject(bench(t).directory);
  const end = BASE + subject.image.loaded.loadSize;
  const { ram, written } = noting();
  await makeStale(ram, { base: BASE, subject }, [
    { start: 0, end: BASE + 16 },
    { start: BASE + 32, end: BASE + 48 },
    { start: end - 8, end: end + 4096 },
  ]);
  t.strictSame(written, [
    { start: BASE + 16, end: BASE + 32, byte: 0xa5 },
    { start: BASE + 48, end: end - 8, byte: 0xa5 },
  ]);
  const all = noting();
  await makeStale(all.ram, { base: BASE, subject }, [{ start: 0, end: end }]);
  t.strictSame(all.written, []);
});

t.test('nothing beyond RAM, without shared RAM, or where nobody knows the place', async (t) => {
  const subject = await smallSubject(bench(t).directory);
  const small = noting(BASE + 16);
  await makeStale(small.ram, { base: BASE, subject });
  t.match(small.written, [{ start: BASE, end: BASE + 16 }]);
  const beyond = noting(BASE);
  await makeStale(beyond.ram, { base: BASE + 4096, subject });
  t.strictSame(beyond.written, []);
  await t.resolves(makeStale(undefined, { base: BASE, subject }));
  const { ram, written } = noting();
  await makeStale(ram, { base: undefined, subject });
  t.strictSame(written, []);
});
