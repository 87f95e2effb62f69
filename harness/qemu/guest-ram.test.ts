import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import t from 'tap';
import { GuestRam } from './guest-ram.ts';

const MIB = 1024 * 1024;
const ram = await GuestRam.create({ machine: 'q35', memoryMib: 64 });

t.test(
  'a sparse file in a private folder, gone with it',
  { skip: ram ? false : 'no memory file system has room' },
  async (t) => {
    if (!ram) return;
    t.strictSame(await ram.extents(), []);
    await ram.write(8 * MIB, Uint8Array.of(1, 2, 3));
    await ram.write(0, Uint8Array.of(9));
    t.strictSame(await ram.extents(), [
      { start: 0, end: 4096 },
      { start: 8 * MIB, end: 8 * MIB + 4096 },
    ]);
    t.strictSame([...(await ram.read(8 * MIB, 4))], [1, 2, 3, 0]);
    t.strictSame((await ram.extents()).length, 2, 'reading makes no page');
    await t.rejects(ram.read(64 * MIB - 1, 2), RangeError);
    await t.rejects(ram.write(-1, Uint8Array.of(0)), RangeError);
    t.ok(readdirSync(dirname(ram.path)).includes('ram'));
    await ram[Symbol.asyncDispose]();
    t.notOk(existsSync(dirname(ram.path)));
  },
);

t.test('memory from 4 GiB on is no low memory', async (t) => {
  const large = await GuestRam.create({ machine: 'q35', memoryMib: 3072 });
  if (!large) return t.pass('no memory file system has room');
  t.equal(large.lowSizeBytes, 2048 * MIB);
  await large[Symbol.asyncDispose]();
});

t.test('no memory file system, or none with room', async (t) => {
  t.equal(await GuestRam.create({ machine: 'q35', memoryMib: 64 }, ['/proc', '/does-not-exist']), undefined);
  t.equal(await GuestRam.create({ machine: 'q35', memoryMib: 2 ** 30 }), undefined);
});

t.test('what one machine touched, in another: low, above 4 GiB, and nothing else', async (t) => {
  const spec = { machine: 'q35', memoryMib: 3072 } as const;
  const [one, other] = [await GuestRam.create(spec), await GuestRam.create(spec)];
  if (!one || !other) return t.pass('no memory file system has room');
  t.strictSame(await one.contents(), { extents: [], bytes: Buffer.alloc(0) });
  await one.write(5 * MIB, Uint8Array.of(1, 2, 3));
  await one.write(2048 * MIB - 1, Uint8Array.of(4));
  // As QEMU does it for an address above 4 GiB.
  const file = await open(one.path, 'r+');
  await file.write(Uint8Array.of(5), 0, 1, 3000 * MIB);
  await file.close();
  const contents = await one.contents();
  t.strictSame(contents.extents, [
    { start: 5 * MIB, end: 5 * MIB + 4096 },
    { start: 2048 * MIB - 4096, end: 2048 * MIB },
    { start: 3000 * MIB, end: 3000 * MIB + 4096 },
  ]);
  t.strictSame([contents.bytes[0], contents.bytes[8191], contents.bytes[8192]], [1, 4, 5]);
  await other.fill(contents);
  t.strictSame(await other.contents(), contents);
  t.strictSame([...(await other.read(5 * MIB, 4))], [1, 2, 3, 0]);
  await Promise.all([one, other].map((ram) => ram[Symbol.asyncDispose]()));
});
