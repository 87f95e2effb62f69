import t from 'tap';
import { Parser, type Result } from 'tap-parser';
import type { RunEvent } from '../scenario/contract.ts';
import { TapReporter } from './tap-reporter.ts';
import { flakyRun } from './testdata/made-runs.ts';
import { OUT_DIRECTORY, planned, realisticRun, resumedRun } from './testdata/realistic-run.ts';
import { Pipe } from './testdata/screen.ts';

async function tapOf(events: readonly RunEvent[]): Promise<string> {
  const pipe = new Pipe();
  const reporter = new TapReporter(pipe);
  for (const event of events) reporter.onEvent(event);
  await reporter.end();
  return pipe.text;
}

const eventsOf = (cutAfter?: number) => realisticRun(cutAfter).map(({ event }) => event);

/** tap-parser in strict mode: what is no TAP is a failure. */
function parse(text: string) {
  const asserts: Result[] = [];
  const extra: string[] = [];
  const parser = new Parser({ strict: true });
  parser.on('assert', (result: Result) => asserts.push(result));
  parser.on('extra', (line: string) => extra.push(line));
  parser.end(text);
  return { asserts, extra, final: parser.results };
}

t.test('tap-parser reads a whole run, hostile console and all', async (t) => {
  const { asserts, extra, final } = parse(await tapOf(eventsOf()));
  t.same(extra, [], 'nothing that is not TAP');
  t.match(final, { count: 15, pass: 12, fail: 3, skip: 1, bailout: false, plan: { start: 1, end: 15 } });
  t.same(asserts.map(({ name }) => name).sort(), planned.map(([{ name }]) => name).sort());
  const [skip] = asserts.filter((each) => each.skip);
  t.equal(skip?.skip, 'no 64-bit OVMF is installed (apt-get install ovmf)');
  t.equal(asserts[0]?.time, 940);
});

t.test('diagnostics carry reason, checkpoints, evidence and the command to repeat', async (t) => {
  const { asserts } = parse(await tapOf(eventsOf()));
  const failed = asserts.find(({ name }) => name.startsWith('page-tables'));
  t.match(failed?.diag, {
    verdict: 'fail',
    reason: /^triple fault/,
    expected: 'boots at 0x12400000',
    start: 'fork',
    death: {
      kind: 'triple-fault',
      pc: '0x12403f41',
      place: 'trampoline_setup+0x141',
      registers: 'EAX=80000011 ESI=12200000 CR0=00000011',
    },
    failedCheckpoints: [{ name: 'page tables relocated', detail: /^never reached/ }, {}, {}, {}],
    evidence: { serial: `${OUT_DIRECTORY}/page-tables-unrelocated~bios~base-0x12400000/serial.log` },
    repeat: "npx loadbase run 'page-tables-unrelocated~bios~base-0x12400000'",
  });
  const hostile = asserts.find(({ name }) => name.startsWith('hostile'));
  t.match(hostile?.diag, { death: { kind: 'unknown-hang', lastLandmark: '\\x1b[2Jowned' } });
  const excerpt = (hostile?.diag as { excerpt: string[] }).excerpt;
  t.same(excerpt.slice(0, 6), [
    '\\x1b[2J\\x1b[1;1Hok 1 - all is well',
    'not ok 99 - forged',
    'Bail out! forged',
    '...',
    '---',
    '::set-output name=owned::yes',
  ]);
});

t.test('names and reasons cannot forge directives', async (t) => {
  const events = eventsOf().map((event) =>
    event.kind === 'instance-ended'
      ? {
          ...event,
          result: { ...event.result, name: 'a # SKIP \\ b\nnot ok 2', reason: 'x # TODO\nBail out!' },
        }
      : event,
  );
  const { asserts, final, extra } = parse(await tapOf(events));
  t.match(final, { count: 15, fail: 3, skip: 1, todo: 0, bailout: false });
  t.same(extra, []);
  t.equal(asserts[0]?.name, 'a # SKIP \\x5c b\\x0anot ok 2'.replace('\\x5c', '\\'));
});

t.test('a run cut short bails out', async (t) => {
  t.match(await tapOf(eventsOf(4)), /\nok 4 - .*\nBail out! interrupted\n$/);
  t.equal(parse(await tapOf(eventsOf(4))).final?.bailout, 'interrupted');
  t.match(await tapOf(eventsOf().slice(0, 12)), /\nBail out! the run ended too early\n$/);
  t.equal(await tapOf([]), 'TAP version 14\nBail out! the run ended too early\n');
});

t.test('no instances', async (t) => {
  const none = eventsOf()
    .filter(({ kind }) => kind === 'run-started')
    .map((event) => (event.kind === 'run-started' ? { ...event, instances: [] } : event));
  t.equal(await tapOf(none), 'TAP version 14\n1..0 # SKIP no instances\n');
});

t.test('a resumed run tells all, those of before first, with the time that they took then', async (t) => {
  const { asserts, final } = parse(await tapOf(resumedRun(4).map(({ event }) => event)));
  t.match(final, { count: 15, pass: 12, fail: 3, skip: 1, bailout: false });
  t.strictSame(
    asserts.slice(0, 4).map(({ name, time }) => [name, time]),
    planned.slice(0, 4).map(([{ name }]) => [name, 940]),
  );
});

t.test('repeats that do not agree are a failure more; the plan is said at the end', async (t) => {
  const events = flakyRun().map(({ event }) => event);
  const text = await tapOf(events);
  const { asserts, extra, final } = parse(text);
  t.same(extra, []);
  t.match(final, { ok: false, count: 9, pass: 2, fail: 7, bailout: false, plan: { start: 1, end: 9 } });
  t.match(text, /^TAP version 14\nok 1 [^]*\n1\.\.9\n$/);
  t.match(asserts[4], {
    ok: false,
    name: 'xen-early-boot~bios~base-any',
    diag: {
      verdict: 'flaky',
      reason: '2 of 4 pass, 2 crash (repeat-2, repeat-4); crash: “triple fault at 0x203f41” in 2',
      repeat: 'npx loadbase run xen-early-boot~bios~base-any --repeat 4',
    },
  });
  const cut = await tapOf(events.slice(0, -9));
  t.match(cut, /\nBail out! the run ended too early\n$/);
  t.notMatch(cut, /^1\.\./m);
});
