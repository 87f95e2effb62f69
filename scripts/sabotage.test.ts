import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

const sabotage = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'sabotage.ts'), ...args], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '..'),
  });

t.test('--list names defects, depth and what is missing, and boots nothing', async (t) => {
  const { status, stdout } = sabotage('--list', '--filter', 't*-at-link-time');
  t.equal(status, 0);
  t.match(stdout, /^time-stamp-at-link-time \(image, 2 instances\): [^[]+$/m);
  t.match(stdout, /^trampoline-map-at-link-time \(image, 2 instances\): [^[]+$/m);
  t.equal(stdout.trimEnd().split('\n').length, 2);
});

t.test('--help', async (t) => {
  const { status, stdout } = sabotage('--help');
  t.equal(status, 0);
  for (const option of ['--filter', '--clean', '--jobs', '--timeout', '--cold', '--list', '--json'])
    t.match(stdout, option);
});

t.test('wrong use', async (t) => {
  t.match(sabotage('--filter', 'nothing'), {
    status: 2,
    stderr: /no defect matches nothing; there are .*base-off/,
  });
  t.match(sabotage('--clean', 'many'), { status: 2, stderr: /--clean many: a whole number of at least 0/ });
  t.match(sabotage('--cleen', '1'), { status: 2, stderr: /--cleen/ });
});
