import { join, resolve } from 'node:path';
import t from 'tap';
import { ProjectRootError, projectRoot } from './project-root.ts';

t.test('the checkout is found from the sources and from dist/', async (t) => {
  t.equal(projectRoot(), resolve(import.meta.dirname, '..', '..'));
  const root = t.testdir({
    'package.json': '{"name":"loadbase"}',
    dist: { 'package.json': '{"type":"module"}', harness: { 'package.json': '{ not JSON', workdir: {} } },
  });
  t.equal(projectRoot(join(root, 'dist', 'harness', 'workdir')), root);
});

t.test('outside of a checkout the error says where it looked', async (t) => {
  t.throws(() => projectRoot('/'), ProjectRootError);
  t.throws(() => projectRoot('/no/such/folder'), /from \/no\/such\/folder upwards/);
});
