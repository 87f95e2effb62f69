/** CLAIM: of a program whose every step is known, the real machine's recording has each once, and nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { launchMachine, type Machine } from '../qemu/launch.ts';
import type { LogRange } from '../qemu/machine-spec.ts';
import { bench, type Bench } from '../qemu/testdata/bench.ts';
import { RspClient } from '../rsp/rsp-client.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { readField, STATE_WORDS } from '../x86/state/state-layout.ts';
import { longRepeats, recordedRanges, recordSegments } from './log-segments.ts';
import { scout } from './scout.ts';
import type { Return, Segment } from './segment.ts';
import { stepSegments } from './step-segments.ts';

t.jobs = 1;

const START = 0x7c00n;
const INSIDE = [{ start: START, end: 0x7e00n }];

/** The first sector of a disk, which SeaBIOS runs in real mode at 0x7c00. */
function bootSector(at: Bench, code: string): Bench['spec'] {
  const disk = Buffer.alloc(1024 * 1024);
  Buffer.from(code.replaceAll(/\s/g, ''), 'hex').copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  const path = join(at.directory, 'disk.img');
  writeFileSync(path, disk);
  return { ...at.spec, medium: { kind: 'disk', path } };
}

interface Booted extends AsyncDisposable {
  readonly machine: Machine;
  readonly deadline: Deadline;
}

async function bootToStart(at: Bench, spec: Bench['spec'], logRanges: readonly LogRange[]): Promise<Booted> {
  const deadline = Deadline.in(60_000);
  const machine = await launchMachine({
    ...{ qemu: 'qemu-system-x86_64', spec, stderrPath: at.stderrPath, deadline, logRanges },
  });
  machine.serial.resume();
  await using rsp = await RspClient.connect(await machine.connectGdb(deadline), { deadline });
  await rsp.insertHardwareBreakpoint(START);
  rsp.continue();
  await rsp.waitForStop(deadline);
  await rsp.removeHardwareBreakpoint(START);
  return { machine, deadline, [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose]() };
}

async function record(at: Bench, code: string, until: bigint) {
  const spec = bootSector(at, code);
  const disassembler = await loadDisassembler();
  await using first = await bootToStart(at, spec, INSIDE);
  const report = await scout({ ...first, until, disassembler });
  await using second = await bootToStart(at, spec, recordedRanges(INSIDE, report));
  const items: (Segment | Return)[] = [];
  for await (const item of recordSegments({ ...second, inside: INSIDE, sites: report, until, disassembler }))
    items.push(item);
  return { report, items, steps: await stepped(at, spec, until) };
}

async function stepped(at: Bench, spec: Bench['spec'], until: bigint): Promise<(Segment | Return)[]> {
  await using booted = await bootToStart(at, spec, []);
  const items: (Segment | Return)[] = [];
  const disassembler = await loadDisassembler();
  for await (const item of stepSegments({ ...booted, inside: INSIDE, until, disassembler })) items.push(item);
  return items;
}

/** `7c00 7c02 … excursion`, with iterations as `×3` at the state after them. */
function shown(item: Segment | Return): string {
  if (item.kind === 'return')
    return `${item.left ? 'left' : 'stayed'}, at ${readField(item.state, 'rip').toString(16)}`;
  const states = Array.from({ length: item.count }, (_, index) => {
    const state = item.words.subarray(index * STATE_WORDS, (index + 1) * STATE_WORDS);
    const iterations = item.iterations[index]!;
    return `${iterations > 0 ? `×${iterations} ` : ''}${readField(state, 'rip').toString(16)}`;
  });
  return [...states, item.endedAt, ...(item.said === undefined ? [] : [item.said])].join(' ');
}

/** The other way of capturing, another boot: all but the time and what SeaBIOS left. */
function sameStates(t: Test, steps: readonly (Segment | Return)[], items: readonly (Segment | Return)[]) {
  t.same(steps.map(shown), items.map(shown));
  for (const [index, item] of items.entries()) {
    const other = steps[index];
    if (item.kind === 'segment' && other?.kind === 'segment') t.same(other.words, item.words);
  }
}

t.test('steps, iterations long and short, two ways outside', async (t) => {
  const code = `
    31c0 8ed8 8ec0 8ed0 bc007c fc   ; xor %ax,%ax … mov %ax,%ss; mov $0x7c00,%sp; cld
    bf0080 b9e803 f3aa              ; mov $0x8000,%di; mov $1000,%cx; rep stosb
    b90300 f3aa                     ; mov $3,%cx; rep stosb
    b8410e cd10                     ; mov $0xe41,%ax; int $0x10
    e80200 0f0b                     ; call 7c23; 7c21: ud2
    cd12 c3                         ; 7c23: int $0x12; ret`.replaceAll(/;.*$/gm, '');
  const { report, items, steps } = await record(bench(t), code, 0x7c21n);
  t.same(report.end, { kind: 'reached' });
  t.same(
    report.calls.map(({ linear, returns }) => [linear, returns]),
    [
      [0x7c1cn, [0x7c1en]],
      [0x7c23n, [0x7c25n]],
    ],
  );
  t.same(
    longRepeats(report).map(({ linear, next }) => [linear, next]),
    [[0x7c12n, 0x7c14n]],
  );
  t.same(items.map(shown), [
    '7c00 7c02 7c04 7c06 7c08 7c0b 7c0c 7c0f 7c12 ×1000 7c14 7c17 ×3 7c19 7c1c excursion',
    'left, at 7c1e',
    '7c1e 7c23 excursion',
    'left, at 7c25',
    '7c25 7c21 end',
  ]);
  sameStates(t, steps, items);
  const last = (items.at(-1) as Segment).words.subarray(STATE_WORDS);
  t.equal(readField(last, 'rsp'), 0x7c00n);
  t.equal(readField(last, 'rdi') & 0xffffn, 0x83ebn);
});

t.test('a machine that dies: all of its steps, and what QEMU said', async (t) => {
  // cli; lidt 0x7c10 (zeros); int3
  const { report, items, steps } = await record(bench(t), 'fa 0f011e107c cc', 0x7d00n);
  t.match(report.end, { kind: 'died', said: 'Triple fault' });
  t.same(items.map(shown), ['7c00 7c01 7c06 died Triple fault']);
  t.same(steps.map(shown), [
    '7c00 7c01 7c06 excursion',
    'died it was reset or shut down, as after a triple fault',
  ]);
});

t.test('a machine that goes no further', async (t) => {
  const soon = () => Deadline.in(1500);
  const disassembler = await loadDisassembler();
  const until = 0x7d00n;
  const drained = async (parts: AsyncIterable<unknown>) => {
    for await (const part of parts) t.ok(part);
  };
  await t.test('it halts inside', async (t) => {
    const at = bench(t);
    const spec = bootSector(at, 'fa f4 ebfd'); // cli; 7c01: hlt; jmp 7c01
    const stuck = { name: 'StuckError', message: /waited 1\.\d s .*it is at 0x0*7c02; .*--until/ };
    await using first = await bootToStart(at, spec, INSIDE);
    await t.rejects(scout({ ...first, deadline: soon(), until, disassembler }), stuck);
    await using second = await bootToStart(at, spec, INSIDE);
    const sites = { calls: [], repeats: [] };
    const parts = recordSegments({ ...second, deadline: soon(), inside: INSIDE, sites, until, disassembler });
    await t.rejects(drained(parts), stuck);
    await using third = await bootToStart(at, spec, []);
    const steps = stepSegments({ ...third, deadline: soon(), inside: INSIDE, until, disassembler });
    await t.rejects(drained(steps), stuck);
  });
  await t.test('firmware waits for a key', async (t) => {
    const at = bench(t);
    const spec = bootSector(at, '31c0 cd16'); // xor %ax,%ax; int $0x16
    const gone = {
      name: 'NoReturnError',
      message: /the excursion from 0x7c02 \(int \$0x16\) did not come back to 0x7c04 within \d s/,
    };
    await using first = await bootToStart(at, spec, INSIDE);
    const sites = { calls: [{ linear: 0x7c02n, text: 'int $0x16', returns: [0x7c04n] }], repeats: [] };
    const parts = recordSegments({ ...first, deadline: soon(), inside: INSIDE, sites, until, disassembler });
    await t.rejects(drained(parts), gone);
    await using second = await bootToStart(at, spec, []);
    const steps = stepSegments({ ...second, deadline: soon(), inside: INSIDE, until, disassembler });
    await t.rejects(drained(steps), gone);
  });
});
