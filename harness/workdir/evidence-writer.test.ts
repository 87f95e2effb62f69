import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EvidenceWriter } from './evidence-writer.ts';

t.test('all that was written is there after the close', async (t) => {
  const path = join(t.testdir({ log: 'before\n' }), 'log');
  const writer = await EvidenceWriter.open(path);
  for (let line = 0; line < 10_000; line++) writer.write(`${line}\n`);
  await writer.close();
  await writer.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  t.equal(lines.length, 10_002);
  t.same([lines[0], lines[1], lines.at(-2)], ['before', '0', '9999']);
  t.equal(writer.state, 'closed');
});

t.test('a write takes a copy', async (t) => {
  const path = join(t.testdir({}), 'log');
  const chunk = Buffer.from('first');
  const writer = await EvidenceWriter.open(path);
  writer.write(chunk);
  chunk.write('XXXXX');
  await writer.close();
  t.equal(readFileSync(path, 'utf8'), 'first');
});

t.test('beyond its size the file is cut, with a note, and the rest counted', async (t) => {
  const path = join(t.testdir({}), 'log');
  const writer = await EvidenceWriter.open(path, { maxBytes: 10 });
  writer.write('12345');
  writer.write('67890');
  t.equal(writer.state, 'open');
  writer.write('more');
  t.equal(writer.state, 'cut');
  writer.write('and more');
  t.equal(writer.offeredBytes, 22);
  await writer.close();
  t.equal(readFileSync(path, 'utf8'), '1234567890\n[loadbase: cut after 10 bytes]\n');
});

t.test('a full disk is told at the close, naming the folder', async (t) => {
  const writer = await EvidenceWriter.open('/dev/full');
  writer.write('x');
  writer.write('y');
  await t.rejects(writer.close(), { name: 'NoSpaceError', folder: '/dev' });
  t.equal(writer.state, 'closed');
});

t.test('what is written after a failure or the close is dropped', async (t) => {
  const path = join(t.testdir({}), 'log');
  const writer = await EvidenceWriter.open(path);
  await writer.close();
  writer.write('late');
  t.equal(readFileSync(path, 'utf8'), '');
});

t.test('a folder that is not there is told at once', async (t) => {
  const folder = join(t.testdir({}), 'gone');
  await t.rejects(EvidenceWriter.open(join(folder, 'log')), { name: 'UnwritableFolderError', folder });
});
