import { existsSync, readdirSync } from 'node:fs';
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
