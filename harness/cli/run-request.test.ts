import { join } from 'node:path';
import t from 'tap';
import { ResumeError } from '../scenario/resumption.ts';
import { UsageError } from './exit-codes.ts';
import type { RunOptions } from './run-options.ts';
import { refuseBesideResume, resumedOptions, runRequestRecord } from './run-request.ts';
import { parseRunRequest } from './run-request-schema.ts';

const PLAIN: RunOptions = { grubSrc: 'debian', xenSrc: 'debian', accel: 'auto', jobs: 2, timeout: 60 };
const EVERY: RunOptions = {
  ...{ accel: 'tcg', jobs: 3, timeout: 7.5, grubSrc: 'grub', xenSrc: 'xen#my-branch', grubPatches: 'g' },
  ...{ xenPatches: '../x', xen: 'a,b', kernel: '/k', expect: /^Welcome\/[a-z]/, arguments: '' },
  ...{ cold: true, scenario: ['s'], firmware: ['efi'], base: ['all', 0x3e00000], memory: 512, repeat: 4 },
  ...{ reporter: ['tap'], out: 'there', resume: 'here' },
};

const record = (options: RunOptions) =>
  runRequestRecord('r1', ['*~efi~*'], options, [{ name: 'a' }], '/home/u');
/** As it comes back from the file. */
const reread = (options: RunOptions) =>
  parseRunRequest(JSON.parse(JSON.stringify(record(options))), 'DIR/request.json');

t.test('what is recorded is read back, whatever was asked for', (t) => {
  for (const options of [PLAIN, EVERY]) t.strictSame(reread(options), record(options));
  t.strictSame(reread(PLAIN).options, PLAIN);
  t.match(reread(EVERY).options, {
    ...{ grubSrc: '/home/u/grub', xenSrc: '/home/u/xen#my-branch', grubPatches: '/home/u/g' },
    ...{ xenPatches: '/home/x', xen: '/home/u/a,/home/u/b', kernel: '/k', expect: '^Welcome\\/[a-z]' },
  });
  t.notOk('out' in reread(EVERY).options || 'reporter' in reread(EVERY).options);
  t.end();
});

t.test('an image whose name has a comma', (t) => {
  const folder = t.testdir({ 'a,b': '' });
  const options = { ...PLAIN, xen: join(folder, 'a,b') };
  t.equal(record(options).options.xen, join(folder, 'a,b'));
  t.end();
});

t.test('the options of the run are those of then, but for how the rest is run', (t) => {
  const now: RunOptions = { ...PLAIN, jobs: 8, timeout: 99, resume: 'DIR', reporter: ['json'] };
  const { scenario, expect } = resumedOptions(reread(EVERY), now, ['--resume']);
  t.strictSame([scenario, expect], [['s'], /^Welcome\/[a-z]/]);
  t.match(resumedOptions(reread(EVERY), now, ['--resume']), { jobs: 3, timeout: 7.5, reporter: ['json'] });
  const given = ['--resume', '--jobs', '--timeout', '--reporter'];
  t.match(resumedOptions(reread(EVERY), now, given), { jobs: 8, timeout: 99, accel: 'tcg' });
  t.strictSame(
    [EVERY, PLAIN].map((then) => resumedOptions(reread(then), now, given).cold),
    [true, undefined],
    'cold where it was, and only there',
  );
  t.doesNotThrow(() => refuseBesideResume([], given));
  t.end();
});

t.test('what would be another run is refused by name', (t) => {
  const refused = (globs: string[], given: string[], says: RegExp) => {
    t.throws(() => refuseBesideResume(globs, ['--resume', ...given]), UsageError);
    t.throws(() => refuseBesideResume(globs, ['--resume', ...given]), says);
  };
  refused([], ['--firmware', '--jobs'], /own folder; --firmware would be another run.*--jobs, --timeout/);
  refused(['*~efi~*'], ['--out'], /--out, "\*~efi~\*" would be another run/);
  refused([], ['--accel', '--cold'], /--accel, --cold would be/);
  t.end();
});

t.test('a request that is none names what is wrong, and the next step', (t) => {
  const good = record(PLAIN);
  const refused = (json: unknown, says: RegExp) => {
    t.throws(() => parseRunRequest(json, 'DIR/request.json'), ResumeError);
    t.throws(() => parseRunRequest(json, 'DIR/request.json'), says);
  };
  refused(null, /^DIR\/request\.json is no loadbase\.request\/1 file: the whole: .*start a new run/);
  refused({ ...good, schema: 'other/1' }, /file: schema: /);
  refused({ ...good, options: { ...PLAIN, jobs: -1 } }, /file: options\.jobs: /);
  refused({ ...good, options: { ...PLAIN, expect: '(' } }, /options\.expect: is no regular expression/);
  refused({ ...good, options: { ...PLAIN, fork: true } }, /file: options: .*"fork"/);
  refused({ ...good, instancesSha256: 'none' }, /file: instancesSha256: /);
  t.end();
});
