/**
 * CLAIM: a run that was stopped, however, is gone on with from its folder alone, and ends as if it had never stopped;
 * what could not be the same run is refused.
 *
 * What was had before must be there byte for byte afterwards, with the evidence's time of writing as the witness that
 * it was not run again.
 */
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Deadline } from '../harness/lifetime/deadline.ts';
import { poll } from '../harness/lifetime/poll.ts';
import type { InstanceResult, Results } from '../harness/scenario/contract.ts';
import { gone, loadbase, machinesOf, readResults, type RunningCommand, startLoadbase } from './command.ts';

/** Bounds of waits that end as soon as what they wait for is there. */
const FIRST_MS = 60_000;
const END_MS = 20_000;

const BIOS = ['xen-early-boot~bios~base-0x0*', 'xen-early-boot~bios~base-any'];
const SERIAL = 'serial.log';

/** A run in whose folder at least two instances have ended, while others go on. */
async function midRun(out: string, ...more: string[]): Promise<RunningCommand> {
  const command = startLoadbase(['run', ...BIOS, '--jobs', '2', '--timeout', '120', '--out', out, ...more]);
  await poll('two verdicts', Deadline.in(FIRST_MS), async () => {
    const results = await readResults(out).catch(() => undefined);
    return results && results.instances.length >= 2 && machinesOf(command.pid).length > 0 ? true : undefined;
  });
  return command;
}

const writtenMs = (out: string, { name }: InstanceResult) => statSync(join(out, name, SERIAL)).mtimeMs;

/** @param before what was there when the run had stopped. */
async function resumes(t: Test, out: string, before: Results): Promise<void> {
  const times = before.instances.map((result) => writtenMs(out, result));
  const { code, stdout, stderr } = await loadbase(['run', '--resume', out]);
  t.equal(code, 0, stderr);
  const after = await readResults(out);
  const { length: had } = before.instances;
  t.match(stdout, `resumed: ${had} of ${before.planned} were there\n`);
  t.match(
    stdout,
    new RegExp(`^${before.planned} instances: ${before.planned} pass in .* since it was resumed`, 'm'),
  );
  t.equal(stdout.match(/^ *\d+\/\d+ {2}✓/gm)?.length, before.planned - had, 'only the rest was run');
  t.match(after, {
    finished: true,
    runId: before.runId,
    startedAt: before.startedAt,
    planned: before.planned,
  });
  t.equal(new Set(after.instances.map(({ name }) => name)).size, before.planned, 'each instance once');
  t.strictSame(after.instances.slice(0, had), before.instances);
  t.strictSame(
    after.instances.slice(0, had).map((result) => writtenMs(out, result)),
    times,
  );
  const repeats = after.instances.filter(({ repeat }) => !repeat.includes('--timeout 120'));
  t.strictSame(repeats, [], 'with the options of then');
}

t.test('killed with SIGKILL in the middle', async (t) => {
  const out = join(t.testdir({}), 'run');
  const command = await midRun(out);
  await using _ = command;
  const machines = machinesOf(command.pid);
  command.kill('SIGKILL');
  await command.ended;
  await gone(machines, END_MS);
  await resumes(t, out, await readResults(out));
});

t.test('interrupted', async (t) => {
  const out = join(t.testdir({}), 'run');
  const command = await midRun(out);
  await using _ = command;
  command.kill('SIGINT');
  const { code, stderr } = await command.ended;
  t.equal(code, 130);
  t.match(stderr, /\nloadbase: to go on: npx loadbase run --resume \S+\/run\n$/);
  const before = await readResults(out);
  t.notOk(before.finished);
  await resumes(t, out, before);

  await t.test('finished: there is nothing to do but tell it', async (t) => {
    const text = readFileSync(join(out, 'results.json'), 'utf8');
    const end = await loadbase(['run', '--resume', out, '--reporter', `pretty,tap=${join(out, 'all.tap')}`]);
    t.equal(end.code, 0, end.stderr);
    t.match(end.stdout, /^note: nothing is left to run: all \d+ instances have their verdict$/m);
    t.match(end.stdout, new RegExp(`^${before.planned} instances: ${before.planned} pass`, 'm'));
    t.equal(readFileSync(join(out, 'results.json'), 'utf8'), text);
    const points = readFileSync(join(out, 'all.tap'), 'utf8').match(/^ok /gm);
    t.equal(points?.length, before.planned);
  });

  /** The folder with one thing in it changed. */
  const changed = (name: string, file: string, from: RegExp | string, to: string): string => {
    const copy = join(t.testdirName, name);
    cpSync(out, copy, { recursive: true });
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    t.match(text, from);
    writeFileSync(path, text.replace(from, to));
    return copy;
  };

  await t.test('a verdict that was bad stays, and an error is tried again', async (t) => {
    const bad = changed('bad', 'results.json', '"verdict": "pass"', '"verdict": "fail"');
    const one = await loadbase(['run', '--resume', bad]);
    t.equal(one.code, 1, 'the exit code of a run that failed');
    t.match(one.stdout, /nothing is left to run/);
    const broken = changed('broken', 'results.json', '"verdict": "pass"', '"verdict": "error"');
    const two = await loadbase(['run', '--resume', broken]);
    t.equal(two.code, 0, two.stderr);
    t.match(two.stdout, `resumed: ${before.planned - 1} of ${before.planned} were there\n`);
    t.match(await readResults(broken), { totals: { pass: before.planned, error: 0 }, finished: true });
  });

  await t.test('what is another run is refused', async (t) => {
    const unfinished = (name: string, file: string, from: RegExp | string, to: string) => {
      const copy = changed(name, file, from, to);
      const path = join(copy, 'results.json');
      const { instances, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as Results;
      writeFileSync(path, JSON.stringify({ ...rest, instances: instances.slice(1), finished: false }));
      return copy;
    };
    const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
      [
        'another QEMU',
        [unfinished('qemu', 'results.json', /"sha256": "\w{8}/, '"sha256": "00000000')],
        /other inputs: qemu was /,
      ],
      [
        'another matrix',
        [unfinished('matrix', 'request.json', '"instancesSha256": "', '"instancesSha256": "0')],
        /instancesSha256/,
      ],
      [
        'other globs',
        [unfinished('globs', 'request.json', /base-0x0\*/, 'base-0x8*')],
        /one of another matrix: there is no \S+base-0x0\S+, .* any more/,
      ],
      ['a glob beside it', [out, 'xen-*'], /"xen-\*" would be another run/],
      [
        'an option beside it',
        [out, '--memory', '512', '--jobs', '1'],
        /; --memory would be another run\. Leave it out/,
      ],
      ['no run', [join(out, 'none')], /there is no \S+\/none\/results\.json: no run got as far/],
    ];
    for (const [what, args, says] of cases)
      await t.test(what, async (t) => {
        const { code, stdout, stderr } = await loadbase(['run', '--resume', ...args]);
        t.equal(code, 2, stderr);
        t.match(stderr, says);
        t.match(stderr, /start a new run/);
        t.notMatch(stdout, /resumed:/, 'nothing was begun');
        t.notMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
      });
  });
});

t.test('a run that is going on', async (t) => {
  const out = join(t.testdir({}), 'run');
  // Enough to do that it cannot end by itself before the others were refused.
  const command = await midRun(out, '--repeat', '200');
  await using _ = command;
  for (const args of [
    ['--resume', out],
    [...BIOS, '--out', out],
  ]) {
    const { code, stderr } = await loadbase(['run', ...args]);
    t.equal(code, 2, stderr);
    t.match(stderr, /a run is going on in \S+\/run; wait for its end, or choose another folder/);
  }
  command.kill('SIGINT');
  t.equal((await command.ended).code, 130, 'it was not disturbed');
});
