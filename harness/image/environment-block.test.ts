import t from 'tap';
import { EnvironmentBlockError, encodeEnvironmentBlock } from './environment-block.ts';

t.test('a block is a signature, lines in order of names, and # to 1024 bytes', (t) => {
  const block = encodeEnvironmentBlock({ mode: 'survey', choice: 'a=b#c' });
  t.equal(block.length, 1024);
  const text = '# GRUB Environment Block\nchoice=a=b#c\nmode=survey\n';
  t.equal(block.toString('latin1'), text.padEnd(1024, '#'));
  t.end();
});

t.test('a block without variables is still a block', (t) => {
  t.equal(encodeEnvironmentBlock({}).toString('latin1'), '# GRUB Environment Block\n'.padEnd(1024, '#'));
  t.end();
});

t.test('backslash and newline are escaped, as grub_envblk_set does', (t) => {
  t.match(encodeEnvironmentBlock({ a: 'x\\y\nz' }).toString('latin1'), '\na=x\\\\y\\\nz\n#');
  t.end();
});

t.test('a block grows with what it holds, by 1024 bytes', (t) => {
  const overhead = '# GRUB Environment Block\na=\n'.length;
  t.equal(encodeEnvironmentBlock({ a: 'v'.repeat(1024 - overhead) }).length, 1024, 'full to the last byte');
  t.equal(encodeEnvironmentBlock({ a: 'v'.repeat(1025 - overhead) }).length, 2048);
  t.end();
});

t.test('what GRUB could not read back is refused', (t) => {
  for (const name of ['', '1a', 'a b', 'a=b', '#a', 'é'])
    t.throws(() => encodeEnvironmentBlock({ [name]: '' }), EnvironmentBlockError, name);
  t.throws(() => encodeEnvironmentBlock({ a: 'x\0y' }), { message: /value of a holds a NUL/ });
  t.end();
});
