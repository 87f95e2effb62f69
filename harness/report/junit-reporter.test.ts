import { execFileSync } from 'node:child_process';
import t from 'tap';
import type { RunEvent } from '../scenario/contract.ts';
import { JunitReporter } from './junit-reporter.ts';
import { flakyRun } from './testdata/made-runs.ts';
import { realisticRun, resumedRun } from './testdata/realistic-run.ts';
import { Pipe } from './testdata/screen.ts';

/** Python's expat is the oracle for well-formedness; it answers with what it read. */
const READ_XML = `
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
def case(e): return dict(e.attrib, start={p.get('name'): p.get('value') for p in e.iter('property')}.get('start'), children={c.tag: [c.attrib, c.text or ''] for c in e})
print(json.dumps(dict(root.attrib, suites=[dict(s.attrib, cases=[case(c) for c in s.findall('testcase')]) for s in root])))
`;

interface Case {
  name: string;
  classname: string;
  time: string;
  start: string | null;
  children: Record<string, [Record<string, string>, string]>;
}
interface Report {
  tests: string;
  failures: string;
  errors: string;
  skipped: string;
  suites: { name: string; time: string; timestamp?: string; cases: Case[] }[];
}

async function junitOf(events: readonly RunEvent[]): Promise<string> {
  const pipe = new Pipe();
  const reporter = new JunitReporter(pipe);
  for (const event of events) reporter.onEvent(event);
  await reporter.end();
  return pipe.text;
}

function read(xml: string): Report {
  return JSON.parse(execFileSync('python3', ['-c', READ_XML], { input: xml, encoding: 'utf8' })) as Report;
}

const eventsOf = (cutAfter?: number) => realisticRun(cutAfter).map(({ event }) => event);
const caseOf = (report: Report, start: string) =>
  report.suites.flatMap(({ cases }) => cases).find(({ name }) => name.startsWith(start));

t.test('a hostile console stays text', async (t) => {
  const report = read(await junitOf(eventsOf()));
  const crash = caseOf(report, 'hostile-console')?.children.failure;
  t.equal(crash?.[0].type, 'crash');
  t.equal(
    crash?.[0].message,
    'no end state within 60 s; last console line: \\x1b[2J\\x1b]0;owned\\x07done\\x0d',
  );
  t.match(crash?.[1], ']]\\x3e</failure><script>alert(1)</script> ]]\\x3e & "quoted"');
  t.match(crash?.[1], '\\x00\\x08\\x0b\\x0c\\x7f\\x9b31m\\ufffe\\uffff\\ud800 lone');
});

t.test('suites, verdicts, times, evidence', async (t) => {
  const report = read(await junitOf(eventsOf()));
  t.match(report, { tests: '15', failures: '2', errors: '1', skipped: '1' });
  t.match(report.suites[0], { name: 'xen-early-boot~bios', time: '3.76', timestamp: '2031-05-04T10:15:02' });
  const failed = caseOf(report, 'page-tables');
  t.match(failed, { classname: 'loadbase.page-tables-unrelocated.bios', time: '0.94' });
  t.equal(failed?.start, 'fork');
  t.equal(caseOf(report, 'control~')?.start, 'cold');
  t.notOk(caseOf(report, 'dom0-user-space')?.start, 'of what was not booted');
  t.match(failed?.children.failure?.[1], '✗ page tables relocated: never reached');
  t.match(failed?.children['system-out']?.[1], /serial: .*\/serial\.log\n[^]*repeat: npx loadbase run '/);
  t.equal(caseOf(report, 'dom0-user-space~bios')?.children.error?.[0].type, 'error');
  t.ok(caseOf(report, 'dom0-user-space~efi')?.children.skipped);
});

t.test('instances without a verdict are errors, not missing', async (t) => {
  const interrupted = read(await junitOf(eventsOf(4)));
  t.match(interrupted, { tests: '15', errors: '11' });
  t.equal(
    caseOf(interrupted, 'xen-early-boot~efi')?.children.error?.[0].message,
    'no verdict: the run was interrupted',
  );
  const lost = read(await junitOf(eventsOf().slice(0, 8)));
  t.match(lost, { tests: '15', errors: '15' });
  t.equal(read(await junitOf([])).tests, '0');
});

t.test('a resumed run reports the same as one that never stopped', async (t) => {
  const resumed = resumedRun(4).map(({ event }) => event);
  t.equal(await junitOf(resumed), await junitOf(eventsOf()));
});

t.test('repeats that do not agree are a failure more', async (t) => {
  const events = flakyRun().map(({ event }) => event);
  for (const whole of [events, events.slice(0, -1)]) {
    const report = read(await junitOf(whole));
    t.match(report, { tests: '9', failures: '7', errors: '0' });
    const [flaky] = report.suites.flatMap(({ cases }) => cases).filter(({ name }) => !/~repeat-/.test(name));
    t.match(flaky, { name: 'xen-early-boot~bios~base-any', time: '0' });
    t.match(flaky?.children.failure?.[0], { type: 'flaky', message: /^2 of 4 pass, 2 crash/ });
    t.match(flaky?.children['system-out']?.[1], /repeat: npx loadbase run .* --repeat 4/);
  }
});
