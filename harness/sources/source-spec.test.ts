import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseSourceSpec, SourceSpecError } from './source-spec.ts';

t.test('the three forms', (t) => {
  const root = t.testdir({ clone: {}, 'od#d': {} });
  t.same(parseSourceSpec('debian', 'grub2'), { kind: 'debian', package: 'grub2' });
  t.same(parseSourceSpec('clone', 'grub2', root), { kind: 'folder', path: join(root, 'clone') });
  t.same(parseSourceSpec(join(root, 'clone/'), 'grub2'), { kind: 'folder', path: join(root, 'clone') });
  t.same(parseSourceSpec('clone#v1^', 'xen', root), {
    kind: 'git',
    path: join(root, 'clone'),
    revision: 'v1^',
  });
  t.same(parseSourceSpec('od#d', 'xen', root), { kind: 'folder', path: join(root, 'od#d') });
  t.same(parseSourceSpec('od#d#main', 'xen', root), {
    kind: 'git',
    path: join(root, 'od#d'),
    revision: 'main',
  });
  mkdirSync(join(root, 'debian'));
  t.same(parseSourceSpec('./debian', 'xen', root), { kind: 'folder', path: join(root, 'debian') });
  t.end();
});

for (const [text, reason] of [
  ['', /empty/],
  ['nowhere', /there is no .*nowhere/],
  ['file', /not a folder/],
  ['nowhere#main', /there is no/],
  ['clone#', /no revision/],
  ['clone#--output=x', /no revision/],
] as const)
  t.test(`refuses ${JSON.stringify(text)}`, (t) => {
    const root = t.testdir({ clone: {}, file: '' });
    t.throws(() => parseSourceSpec(text, 'xen', root), SourceSpecError);
    t.throws(() => parseSourceSpec(text, 'xen', root), { message: reason, text });
    t.end();
  });
