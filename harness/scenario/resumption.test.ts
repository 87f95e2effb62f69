import t from 'tap';
import { totalsOf, type InstanceResult, type Results, type ToolRecord, type Verdict } from './contract.ts';
import { unrunResult } from './instance-result.ts';
import { flakyResults } from './flaky.ts';
import { nameWithoutRepeat } from './instance-name.ts';
import {
  completed,
  hostNotice,
  isComplete,
  namesDigest,
  requireSameInstances,
  requireSameTools,
  ResumeError,
  resumedRun,
  retold,
} from './resumption.ts';
import { HOST, instance } from './testdata/fake-run.ts';

const NAMED = [1, 2, 3, 4, 5].map((repeat) => instance({ repeat }));

function results(verdicts: readonly Verdict[], changes: Partial<Results> = {}): Results {
  const instances = verdicts.map((verdict, index): InstanceResult => {
    const of = NAMED[index] ?? instance();
    return { ...unrunResult({ kind: 'skip', instance: of, reason: 'r' }, 'again'), verdict };
  });
  return {
    ...{ schema: 'loadbase.results/1', runId: 'r1', startedAt: '2026-11-23T14:14:03Z', finished: false },
    ...{ host: HOST, tools: {}, planned: NAMED.length, instances, totals: totalsOf(instances) },
    ...changes,
  };
}

/** Five repeats, and what they say together. */
function flakyRun(verdict: Verdict): Results {
  const { instances } = results(['pass', 'pass', verdict, 'pass', 'pass']);
  const all = [...instances, ...flakyResults(instances, instances)];
  return { ...results([]), instances: all, totals: totalsOf(all) };
}

t.test('what several repeats say together is found anew, and is no instance', (t) => {
  const before = flakyRun('crash');
  const [flaky] = before.instances.slice(5);
  t.match(flaky, { verdict: 'flaky', name: nameWithoutRepeat(flaky?.name ?? '-') });
  t.strictSame(resumedRun(before).earlier, before.instances.slice(0, 5));
  t.ok(isComplete(before));
  t.notOk(isComplete({ ...before, planned: 6 }), 'one is missing, though there are six results');
  t.strictSame(completed(before), before.instances);
  t.strictSame(completed({ ...before, instances: before.instances.slice(0, 5) }), before.instances);
  t.throws(
    () => requireSameInstances(before, namesDigest(NAMED), NAMED.slice(1)),
    /no \S+~repeat-1 any more/,
  );
  const events = retold(before, 'out');
  t.match(events[0], { earlier: 5, instances: NAMED.map(({ name, repeat }) => ({ name, repeat })) });
  t.match(events.at(-2), { kind: 'flake-found', isEarlier: true, result: flaky });
  t.end();
});

t.test('every verdict but error counts', (t) => {
  const before = results(['pass', 'error', 'fail', 'skip', 'crash']);
  const { head, earlier } = resumedRun(before);
  t.strictSame(
    earlier.map(({ verdict }) => verdict),
    ['pass', 'fail', 'skip', 'crash'],
  );
  t.match(head, { runId: 'r1', startedAt: before.startedAt, planned: 5, host: HOST });
  t.notOk(isComplete(before));
  t.notOk(isComplete(results(['pass', 'fail'])));
  t.ok(isComplete(results(['pass', 'fail', 'skip', 'crash', 'pass'])));
  t.end();
});

t.test('the same instances, in whatever order', (t) => {
  const digest = namesDigest(NAMED);
  t.doesNotThrow(() => requireSameInstances(results(['pass']), digest, [...NAMED].reverse()));
  t.end();
});

t.test('another matrix is refused, with what differs and the next step', (t) => {
  const digest = namesDigest(NAMED);
  const refused = (today: readonly { name: string }[], says: RegExp) => {
    t.throws(() => requireSameInstances(results(['pass', 'pass', 'pass', 'pass']), digest, today), says);
    t.throws(() => requireSameInstances(results(['pass']), digest, today), ResumeError);
  };
  refused(NAMED.slice(1), /r1 was one of another matrix: there is no small~\S+~repeat-1 any more; resume it/);
  refused(
    [],
    /repeat-1, \S+repeat-2, \S+repeat-3 and 1 more any more; .* start a new run, without --resume$/,
  );
  refused([...NAMED, instance({ repeat: 6 })], /it had 5 instances, and .* now stands for 6/);
  refused([...NAMED.slice(0, 4), instance({ repeat: 6 })], /stands for other instances than then/);
  t.end();
});

t.test('other inputs are refused by name', (t) => {
  const then: Record<string, ToolRecord> = {
    qemu: { version: '7.2.22', sha256: 'ab'.repeat(32) },
    'firmware bios-q35': { version: 'SeaBIOS' },
  };
  const refused = (now: Record<string, ToolRecord>, says: RegExp) =>
    t.throws(() => requireSameTools({ runId: 'r1', tools: then }, now), says);
  const { qemu = { version: '' } } = then;
  refused(
    { ...then, qemu: { ...qemu, sha256: 'cd'.repeat(32) } },
    /other inputs: qemu was 7\.2\.22 \(SHA-256 abababab…\), is 7\.2\.22 \(SHA-256 cdcdcdcd…\); bring back .* --resume$/,
  );
  refused({ ...then, qemu: { version: '7.2.22' } }, /is 7\.2\.22;/);
  refused({ ...then, 'firmware bios-q35': { version: 'other' } }, /firmware bios-q35 was SeaBIOS, is other/);
  refused({ qemu }, /firmware bios-q35 was SeaBIOS, is not there/);
  refused({ ...then, efi: { version: '1' } }, /efi was not there, is 1/);
  const moved = { ...then, qemu: { ...qemu, version: 'by another name', path: '/elsewhere' } };
  t.doesNotThrow(() => requireSameTools({ runId: 'r1', tools: then }, moved), 'the same bytes are the same');
  t.end();
});

t.test('another host is told', (t) => {
  t.equal(hostNotice({ host: HOST }, { ...HOST }), undefined);
  const text = hostNotice({ host: HOST }, { ...HOST, kernel: '6.2.0', cores: 4 });
  t.match(text, /kernel was 6\.1\.0, is 6\.2\.0; cores was 2, is 4/);
  t.end();
});

t.test('a run of which nothing is left is told whole', (t) => {
  const all = results(['pass', 'pass', 'fail', 'skip', 'crash']);
  const events = retold(all, 'out');
  t.strictSame(
    events.map(({ kind }) => kind),
    ['run-started', ...all.instances.map(() => 'instance-ended'), 'run-ended'],
  );
  t.match(events[0], { runId: 'r1', outDirectory: 'out', earlier: 5, accelerators: {} });
  t.match(events.at(-1), { results: all, interrupted: false });
  t.end();
});
