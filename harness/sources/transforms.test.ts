import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import {
  applyTransforms,
  checkTransforms,
  digestOfTransforms,
  type Transform,
  transformed,
} from './transforms.ts';
import { verifyFeatures } from './source-features.ts';

const transform: Transform = {
  file: 'sub/a.c',
  description: 'turn one into two',
  pattern: /(x = )1;/,
  replacement: '$12;',
};

t.test('replaces exactly what it names', async (t) => {
  const root = t.testdir({ sub: { 'a.c': 'x = 1; y = 1;' } });
  await checkTransforms(root, [transform]);
  t.equal(await readFile(join(root, 'sub/a.c'), 'utf8'), 'x = 1; y = 1;', 'a check writes nothing');
  await applyTransforms(root, [{ ...transform, replacement: '$1 2;' }]);
  t.equal(await readFile(join(root, 'sub/a.c'), 'utf8'), 'x =  2; y = 1;');
});

t.test('a text pattern is taken literally', (t) => {
  t.equal(transformed('a.b aab', { ...transform, pattern: 'a.b', replacement: 'c' }), 'c aab');
  t.end();
});

t.test('a pattern not found, or found too often, is an error that names file and purpose', async (t) => {
  const root = t.testdir({ sub: { 'a.c': 'x = 1; x = 1;' } });
  const wrong = { name: 'TransformNotAppliedError', file: 'sub/a.c' };
  await t.rejects(applyTransforms(root, [transform]), {
    ...wrong,
    message: /cannot turn one into two: .* 2 times, not 1.*adapt/,
  });
  await t.rejects(checkTransforms(root, [{ ...transform, pattern: 'z' }]), { ...wrong, message: /0 times/ });
  await t.rejects(applyTransforms(root, [{ ...transform, file: 'gone.c' }]), { message: /no gone\.c/ });
  t.equal(transformed('x = 1; x = 1;', { ...transform, count: 2, replacement: '' }), ' ');
  t.equal(await readFile(join(root, 'sub/a.c'), 'utf8'), 'x = 1; x = 1;');
});

t.test('the digest follows what a transform does, not how it is described', (t) => {
  const digest = digestOfTransforms([transform]);
  t.equal(digestOfTransforms([{ ...transform, description: 'other words' }]), digest);
  for (const change of [{ file: 'b' }, { pattern: /y/ }, { replacement: '' }, { count: 2 }])
    t.not(digestOfTransforms([{ ...transform, ...change }]), digest);
  t.end();
});

t.test('a feature that is not there is named', async (t) => {
  const root = t.testdir({ 'a.h': '#define TAG 10' });
  const feature = { file: 'a.h', description: 'knows the tag', pattern: /TAG\s+10/ };
  await verifyFeatures(root, 'my source', [feature]);
  for (const missing of [
    { ...feature, pattern: /TAG\s+11/ },
    { ...feature, file: 'b.h' },
  ])
    await t.rejects(verifyFeatures(root, 'my source', [feature, missing]), {
      name: 'SourceFeatureMissingError',
      message: /my source lacks .*knows the tag/,
    });
});
