import t from 'tap';
import { PrettyReporter } from './pretty-reporter.ts';
import type { ReporterOptions, ReporterTarget } from './reporter.ts';
import { flakyRun, hugeRun } from './testdata/made-runs.ts';
import {
  OUT_DIRECTORY,
  type TimedEvent,
  planned,
  realisticRun,
  resumedRun,
} from './testdata/realistic-run.ts';
import { Pipe, Screen } from './testdata/screen.ts';

interface Play {
  /** Asked after each event. */
  readonly look?: (event: TimedEvent) => void;
  readonly options?: ReporterOptions;
}

/** The reporter's own timer never fires: time is what the events say. */
async function play(
  target: ReporterTarget,
  events: readonly TimedEvent[],
  { look, options }: Play = {},
): Promise<void> {
  let nowMs = 0;
  const reporter = new PrettyReporter(target, { redrawMs: 1e9, now: () => nowMs, ...options });
  for (const timed of events) {
    nowMs = timed.atMs;
    reporter.onEvent(timed.event);
    look?.(timed);
  }
  await reporter.end();
}

/** The part after the last heading. */
function account(text: string): string {
  return text.slice(text.lastIndexOf('verdict  instance'));
}

t.test('in a pipe: plain lines, each preparation and each verdict once, no control characters', async (t) => {
  const pipe = new Pipe();
  await play(pipe, realisticRun());
  t.notMatch(pipe.text, /(?!\n)\p{C}/u);
  t.match(pipe.text, 'preparing Xen 4.17.5: hypervisor: make (usually 1 min 23 s)\n');
  t.match(pipe.text, 'note: /dev/kvm opens, but a probe boot hung: using TCG\n');
  t.match(
    pipe.text,
    /^ 1\/15 {2}✓ pass {3}xen-early-boot~bios~base-0x00200000 .* 0x00200000 {2}7 of 7 .* 0\.9 s$/m,
  );
  t.equal(pipe.text.match(/^ *\d+\/15 {2}/gm)?.length, planned.length);
  t.notMatch(pipe.text, /^\s*::/m, 'no line of a guest may look like a CI command');
});

t.test('the account at the end says what a reader needs', async (t) => {
  const pipe = new Pipe();
  await play(pipe, realisticRun());
  const text = account(pipe.text);
  t.match(text, 'as expected: GRUB refuses 0x00400000');
  t.match(text, 'as expected: control: lands at its link base');
  t.match(text, 'no 64-bit OVMF is installed');
  t.equal(text.split('triple fault at').length, 2, 'a reason stands in its block only');
  t.match(
    text,
    '  death      triple-fault; PC 0x12403f41, trampoline_setup+0x141; 32-bit, paging on, interrupts off; last',
  );
  t.match(text, '  witnesses  3 of 7 agree: boot information, entry, base computed\n');
  t.match(text, '  ✗ page tables relocated: never reached; the machine was reset');
  t.match(text, '  │ → 12403f41  0f 22 c0              mov   %eax,%cr0');
  t.match(text, `  evidence   ${OUT_DIRECTORY}/page-tables-unrelocated~bios~base-0x12400000/\n`);
  t.match(text, "  repeat     npx loadbase run 'page-tables-unrelocated~bios~base-0x12400000'\n");
  t.match(text, '  │ \\x1b[2J\\x1b[1;1Hok 1 - all is well\n');
  t.match(
    text,
    '15 instances: 11 pass, 1 fail, 1 crash, 1 error, 1 skip in 1:15 ' +
      '(TCG, 12 forks, 1 cold boot, QEMU 7.2.22, GRUB 2.06-loadbase.1a2b3c4d, Xen 4.17.5)\n',
  );
  t.ok(text.endsWith(`results: ${OUT_DIRECTORY}/results.json\n`));
  t.ok(text.indexOf('✗ fail  page') > text.indexOf('- skip'), 'blocks come after the table');
});

t.test('rows are in the plan’s order of scenarios, then BIOS before EFI, then by base', async (t) => {
  const pipe = new Pipe();
  await play(pipe, realisticRun());
  const names = [...account(pipe.text).matchAll(/^. (?:pass|fail|crash|error|skip) {2,3}(\S+) .*$/gm)].map(
    ([, name]) => name,
  );
  t.same(
    names.slice(0, planned.length),
    planned.map(([{ name }]) => name),
  );
});

for (const [columns, rows] of [
  [100, 30],
  [80, 24],
  [46, 12],
] as const)
  t.test(
    `on a terminal of ${columns}x${rows} nothing that stays is lost, and nothing live is left`,
    async (t) => {
      const screen = new Screen(columns, rows);
      const seen: string[] = [];
      const look = ({ event }: TimedEvent) => {
        if (event.kind === 'instance-phase') seen.push(screen.text);
      };
      await play(screen, realisticRun(), { look });
      t.notMatch(screen.text, /of about|elapsed|⠋/);
      t.ok(seen.every((text) => /\n\d+\/15 · /.test(text)));
      t.equal(screen.cursorIsHidden, false);
      const squeezed = screen.text.replace(/\s+/g, ' ');
      for (const sentence of [
        'as expected: control: lands at its link base 0x00200000 whatever is forced',
        'trampoline_setup+0x141): page tables still hold link-time addresses',
        'no end state within 60 s; last console line:',
      ])
        t.equal(squeezed.split(sentence).length, 3, `${sentence}: once as it ended, once in the account`);
      t.ok(screen.lines.every((line) => line.length <= columns));
    },
  );

t.test('the live area shows what goes on, and fits', async (t) => {
  const screen = new Screen(80, 24);
  const frames: string[] = [];
  await play(screen, realisticRun(), {
    look: () => frames.push(screen.text.split('\n').slice(-4).join('\n')),
  });
  const all = frames.join('\n');
  t.match(all, /⠋ {2}GRUB 2\.06 +i386-pc: make +0 s of about 1 min 50 s/);
  t.match(all, /xen-early-boot~efi~base-0x00200000 .* long mode {2}\d s of about 4\.7 s/);
  t.match(all, /^14\/15 · 11 pass · 1 fail · 1 error · 1 skip · 0:\d\d elapsed/m);
  t.match(all, /left$/m);
  t.match(all, /, usually 4\.7 s/, 'a late instance is not told to be nearly done');
});

t.test('more instances at a time than the terminal has room for', async (t) => {
  const screen = new Screen(80, 10);
  const all = realisticRun();
  const starts = all.filter(({ event }) => event.kind === 'run-started' || event.kind === 'instance-started');
  let last = '';
  await play(screen, starts, { look: () => (last = screen.text) });
  t.match(last, /… and 13 more\n0\/15/);
});

t.test('an interrupted run says so; one that never ended gives the cursor back', async (t) => {
  const pipe = new Pipe();
  await play(pipe, realisticRun(3));
  t.match(pipe.text, /\ninterrupted: 3 of 15 instances: 3 pass in /);
  const screen = new Screen(80, 24);
  const listeners = process.listenerCount('exit');
  let wasHidden = false;
  await play(screen, realisticRun().slice(0, 12), { look: () => (wasHidden ||= screen.cursorIsHidden) });
  t.equal(wasHidden, true);
  t.equal(screen.cursorIsHidden, false);
  t.notMatch(screen.text, 'elapsed');
  t.equal(process.listenerCount('exit'), listeners);
});

t.test('colours only where the target has them; paths relative to where one stands', async (t) => {
  const coloured = new Pipe(true);
  await play(coloured, realisticRun());
  t.match(coloured.text, '\x1b[32m✓ pass\x1b[39m');
  const elsewhere = realisticRun().map(({ atMs, event }) => ({
    atMs,
    event: event.kind === 'run-started' ? { ...event, outDirectory: '/home/u/loadbase/out/run' } : event,
  }));
  const near = new Pipe();
  await play(near, elsewhere, { options: { cwd: '/home/u/loadbase' } });
  t.match(near.text, '\nresults: out/run/results.json\n');
  const far = new Pipe();
  await play(far, elsewhere, { options: { cwd: '/srv' } });
  t.match(far.text, '\nresults: /home/u/loadbase/out/run/results.json\n');
});

t.test('a pass that rests on fewer checkpoints says which were not possible', async (t) => {
  const pipe = new Pipe();
  const events = realisticRun().map((timed) => {
    const { event } = timed;
    if (event.kind !== 'instance-ended' || event.result.verdict !== 'pass') return timed;
    return {
      ...timed,
      event: { ...event, result: { ...event.result, notPossible: ['all after the entry'] } },
    };
  });
  await play(pipe, events);
  t.match(pipe.text, /✓ pass[^\n]*\n *not possible: all after the entry\n/);
});

t.test('a resumed run says how many were there, and counts on from them', async (t) => {
  const pipe = new Pipe();
  await play(pipe, resumedRun(4));
  t.match(pipe.text, /: 15 instances, 2 at a time, on TCG\nresumed: 4 of 15 were there\nkept in /);
  const counts = [...pipe.text.matchAll(/^ *(\d+)\/15 {2}/gm)].map(([, count]) => Number(count));
  t.strictSame(
    counts,
    planned.slice(4).map((_, index) => index + 5),
  );
  t.ok(planned.every(([{ name }]) => account(pipe.text).includes(` ${name} `)));
  t.match(pipe.text, /^15 instances: 11 pass, .* in 1:15 since it was resumed \(TCG/m);
  const screen = new Screen(80, 24);
  const frames: string[] = [];
  await play(screen, resumedRun(4), { look: () => frames.push(screen.text) });
  t.ok(frames.some((text) => /^4\/15 · 4 pass · 0:0\d elapsed · about \d+:\d\d left$/m.test(text)));
});

t.test('repeats that do not agree are one more row, counted by nobody, and one more block', async (t) => {
  const pipe = new Pipe();
  await play(pipe, flakyRun());
  t.match(
    pipe.text,
    `     ~ flaky  xen-early-boot~bios~base-any           0x1fa00000
              2 of 4 pass, 2 crash (repeat-2, repeat-4); crash: “triple fault at 0x203f41” in 2
5/8  ✗ fail `,
  );
  t.match(
    account(pipe.text),
    `
~ flaky  xen-early-boot~bios~base-any
  expected   boots wherever GRUB puts it
  reason     2 of 4 pass, 2 crash (repeat-2, repeat-4); crash: “triple fault at 0x203f41” in 2
  evidence   ${OUT_DIRECTORY}/xen-early-boot~bios~base-any~repeat-2/
             serial.log qmp.log argv.txt
  repeat     npx loadbase run xen-early-boot~bios~base-any --repeat 4

✗ crash  xen-early-boot~bios~base-any~repeat-2
`,
  );
  t.match(pipe.text, '\n8 instances: 2 pass, 4 fail, 2 crash, 1 flaky in 3.8 s (');
  const screen = new Screen(100, 30);
  await play(screen, flakyRun().slice(0, -1), {
    look: ({ event }) => {
      if (event.kind === 'flake-found') t.match(screen.text, '\n4/8 · 2 pass · 2 crash · 1 flaky · ');
    },
  });
});

t.test('thousands of instances: a line each, then counts, remarks, and only what did not pass', async (t) => {
  const pipe = new Pipe();
  const screen = new Screen(100, 20);
  await play(pipe, hugeRun());
  await play(screen, hugeRun(160));
  t.equal(pipe.text.match(/^ *\d+\/2556 {2}✓ pass/gm)?.length, 2540);
  t.ok(pipe.text.split('\n').length < 2700);
  const end = pipe.text.slice(pipe.text.indexOf('scenario and firmware'));
  t.ok(
    end.startsWith(`scenario and firmware  pass  crash  skip  time each
xen-early-boot~bios    1270      4     4      0.3 s
xen-early-boot~efi     1270      4     4      0.5 s

✓ 10 pass: known defect of Xen before 4.18: loses 0xffc
- 8 skip: no place in the image for it

verdict  instance                             load base   witnesses         time
✗ crash  xen-early-boot~bios~base-0x27a00000  0x27a00000  7 of 7           0.3 s
`),
  );
  t.notMatch(end, /✓ pass {2}/);
  t.equal(end.match(/^ {2}repeat /gm)?.length, 8);
  t.match(screen.text, /\n320 instances: 318 pass, 2 skip in /);
  t.match(screen.text, '\nscenario and firmware  pass  skip  time each\n');
});

t.test('thousands that fail: the rows and blocks are bounded, and no kind is left out', async (t) => {
  const pipe = new Pipe();
  await play(pipe, hugeRun(1278, 2));
  const end = pipe.text.slice(pipe.text.indexOf('scenario and firmware'));
  t.ok(end.split('\n').length < 600);
  t.match(end, '\n… and 1078 more\n');
  t.match(end, '\n… and 1258 more that did not pass: each is in results.json\n');
  const blocks = (firmware: string) => end.match(new RegExp(`^ {2}repeat .*~${firmware}~`, 'gm'))?.length;
  t.strictSame([blocks('bios'), blocks('efi')], [10, 10]);
});
