import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { NoSpaceError, UnwritableFolderError } from '../workdir/folder-errors.ts';
import { archiveSizeBytes, packPayload, type Payload } from './payload.ts';
import { driveSizeBytes, writeBlankDrive, writePayloadDrive } from './payload-drive.ts';

const MIB = 1024 * 1024;
const SURVEY: Payload = { choice: { choice: 'a', mode: 'survey' } };

t.test('a drive’s size says nothing about what is on it', (t) => {
  t.equal(driveSizeBytes(0), 64 * MIB);
  t.equal(driveSizeBytes(64 * MIB), 64 * MIB);
  t.equal(driveSizeBytes(64 * MIB + 1), 128 * MIB);
  t.equal(driveSizeBytes(200 * MIB), 256 * MIB);
  t.end();
});

t.test('an archive and a blank have the same size, and take no more room than what is in them', async (t) => {
  const folder = t.testdir({});
  const [drive, blank] = [join(folder, 'drive'), join(folder, 'blank')];
  const archive = await packPayload(SURVEY);
  await writePayloadDrive(drive, SURVEY);
  await writeBlankDrive(blank, driveSizeBytes(archive.length));
  t.equal(statSync(drive).size, statSync(blank).size);
  t.ok(readFileSync(drive).subarray(0, archive.length).equals(archive));
  t.ok(statSync(drive).blocks * 512 <= 2 * archive.length);
  t.equal(statSync(blank).blocks, 0);
  writeFileSync(blank, 'of an earlier run');
  await writeBlankDrive(blank, 4096);
  t.ok(readFileSync(blank).equals(Buffer.alloc(4096)));
});

t.test('what cannot be written is named, and no half is left', async (t) => {
  const folder = t.testdir({});
  const full = join(folder, 'full');
  symlinkSync('/dev/full', full);
  await t.rejects(writePayloadDrive(full, SURVEY), NoSpaceError);
  t.notOk(existsSync(full));
  await t.rejects(writeBlankDrive(join(folder, 'not-there', 'drive'), 512), UnwritableFolderError);
});

t.test('the size of an archive is known before it is packed', async (t) => {
  const choice = { choice: 'a', mode: 'boot', arguments: 'x y' } as const;
  const payloads: Payload[] = [
    SURVEY,
    { choice, kernel: new Uint8Array(1) },
    ...[511, 512, 513, 3 * MIB, 3 * MIB + 1].map((size) => ({ choice, kernel: new Uint8Array(size) })),
    {
      choice,
      kernel: new Uint8Array(2 * MIB + 7),
      modules: [{ bytes: new Uint8Array(0) }, { bytes: new Uint8Array(700), arguments: 'm' }],
    },
  ];
  for (const payload of payloads)
    t.equal((await packPayload(payload)).length, archiveSizeBytes(payload), String(payload.kernel?.length));
});
