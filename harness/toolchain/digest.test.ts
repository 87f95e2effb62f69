import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { digestOfBytes, digestOfFile, digestOfInputs } from './digest.ts';

t.test('of bytes: the known answer of FIPS 180-4 for "abc"', (t) => {
  t.equal(digestOfBytes('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  t.end();
});

t.test('of inputs: the order of properties does not matter, that of a list does', (t) => {
  t.equal(
    digestOfInputs({ a: 1, b: { c: null, d: true } }),
    digestOfInputs({ b: { d: true, c: null }, a: 1 }),
  );
  t.not(digestOfInputs({ a: [1, 2] }), digestOfInputs({ a: [2, 1] }));
  t.not(digestOfInputs({ a: 1 }), digestOfInputs({ a: '1' }));
  t.not(digestOfInputs({ a: ['b,c'] }), digestOfInputs({ a: ['b', 'c'] }));
  t.end();
});

t.test('of a file, read at once or as a stream', async (t) => {
  for (const sizeBytes of [0, 10, 3 * 1024 * 1024]) {
    const bytes = Buffer.alloc(sizeBytes, 'x');
    const path = join(t.testdir(), 'file');
    await writeFile(path, bytes);
    t.equal(await digestOfFile(path, sizeBytes), createHash('sha256').update(bytes).digest('hex'));
  }
});
