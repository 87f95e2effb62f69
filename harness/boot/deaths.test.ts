/** CLAIM: each way to die that a real machine has is called by its name, and an ordinary boot by none. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { hex } from '../bits/hex.ts';
import { bootMedium } from '../image/medium.ts';
import { packPayload, type Payload } from '../image/payload.ts';
import { builtGrub } from '../image/testdata/built-grub.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { findEfiFirmware } from '../qemu/firmware.ts';
import type { BootRecord } from './boot-record.ts';
import { BootSession } from './boot-session.ts';
import { deathText, type Death } from './death.ts';
import { inquire } from './death-evidence.ts';
import type { SubjectDriver } from './subject-driver.ts';
import { dyingKernel, efiKernel, LINK_BASE, type DyingKernel } from './testdata/dying-kernels.ts';

t.jobs = 1;

const folder = t.testdir({ cache: {} });
const driver: SubjectDriver = {
  landmarks: [
    { name: 'done', phase: 'subject', pattern: /^DONE$/ },
    { name: 'early error', phase: 'subject', pattern: /^ERR: .+!$/ },
    { name: 'panic', phase: 'subject', pattern: /^PANIC: / },
  ],
  ends: { done: 'expected', 'early error': 'early-error', panic: 'panic' },
  stops: () => [{ name: 'entry', address: BigInt(LINK_BASE) }],
  observe: async () => [{ ok: true, text: 'seen' }],
};

interface Died {
  readonly record: BootRecord;
  readonly death: Death | undefined;
  readonly text: string;
  /** The time from the guest's last word until it was called dead; our own clock. */
  readonly silentMs: number;
}

const TIMEOUT_MS = 90_000;

interface Circumstances {
  readonly firmware?: 'bios' | 'efi';
  readonly timeoutMs?: number;
  /** Another ISO than ours. */
  readonly medium?: string;
  readonly onSubject?: (qemu: number) => void;
}

const CONTEXT_OF_BUILD = { cacheRoot: join(folder, 'cache'), onProgress: () => {} };

async function die(payload: Payload | Buffer, how: Circumstances = {}): Promise<Died> {
  const directory = join(folder, `run-${++runs}`);
  mkdirSync(directory);
  const path = join(directory, 'payload.tar');
  writeFileSync(path, Buffer.isBuffer(payload) ? payload : await packPayload(payload));
  const medium = how.medium ?? (await bootMedium('iso', await builtGrub(), CONTEXT_OF_BUILD)).path;
  const image = how.firmware === 'efi' ? await findEfiFirmware('q35') : ({ kind: 'bios' } as const);
  await using session = await BootSession.launch({
    qemu: 'qemu-system-x86_64',
    spec: {
      machine: 'q35',
      accelerator: 'tcg',
      memoryMib: 256,
      firmware: image,
      medium: { kind: 'iso', path: medium },
      payload: path,
    },
    directory,
    deadline: Deadline.in(how.timeoutMs ?? TIMEOUT_MS),
    driver,
    onPhase: (phase) => phase === 'subject' && how.onSubject?.(session.machine.process.pid),
  });
  const record = await session.run();
  const silentMs = session.console.silentForMs;
  const deadline = Deadline.in(10_000);
  const symbolise = (pc: bigint) =>
    pc >= BigInt(LINK_BASE) ? `kernel+${hex(pc - BigInt(LINK_BASE), 1)}` : undefined;
  const death = await inquire({ session, record, directory, deadline, symbolise });
  return { record, death, text: death ? deathText(death) : 'alive', silentMs };
}
let runs = 0;

const choice = { choice: 'death', mode: 'boot' } as const;
const dieAs = (kernel: DyingKernel) => die({ choice, kernel: dyingKernel(folder, kernel) });

/** Far below the timeout; the figure itself is the machine's. */
const SOON_MS = 10_000;

function isNamed(t: Test, died: Died, expected: object, text: RegExp): void {
  t.match(died.death, expected, died.text);
  t.match(died.text, text);
  t.ok(died.silentMs < SOON_MS, `called dead after ${Math.round(died.silentMs)} ms`);
}

const IN_KERNEL = {
  cpu: { bitness: 32, paging: false, interrupts: false },
  place: /^kernel\+0x[0-9a-f]{2}$/,
};
const CONTEXT = { phase: 'subject', lastLandmark: 'loaded' };

t.test('a triple fault and both kinds of reset, which QMP reports alike', async (t) => {
  const triple = await dieAs('triple fault');
  t.match(triple.record.end, { kind: 'machine', end: { kind: 'reset' } });
  isNamed(
    t,
    triple,
    { kind: 'triple-fault', ...CONTEXT, ...IN_KERNEL },
    /^triple fault at 0x004000.. \(kernel\+0x..\), 32-bit, paging off/,
  );
  for (const name of ['keyboard reset', 'reset register'] as const) {
    const reset = await dieAs(name);
    t.strictSame(reset.record.end, triple.record.end);
    isNamed(
      t,
      reset,
      { kind: 'guest-reset', ...CONTEXT, ...IN_KERNEL },
      /^the guest reset the machine at 0x004000/,
    );
  }
});

t.test('a CPU that stands still, long before the time is up', async (t) => {
  isNamed(
    t,
    await dieAs('halt'),
    { kind: 'halted', ...CONTEXT, ...IN_KERNEL },
    /^hlt with interrupts off at 0x004000/,
  );
  for (const loop of ['loop', 'short loop'] as const)
    isNamed(
      t,
      await dieAs(loop),
      { kind: 'tight-loop', ...CONTEXT, ...IN_KERNEL },
      /^tight loop with interrupts off at 0x004000/,
    );
});

t.test(
  'counter-examples: what works in silence, and what says its last word and halts, is not dead',
  async (t) => {
    for (const kernel of ['busy', 'done'] as const) {
      const { record, death } = await dieAs(kernel);
      t.match(record.end, { kind: 'subject', meaning: 'expected', text: 'DONE' }, kernel);
      t.equal(death, undefined);
    }
  },
);

t.test('a console without end', async (t) => {
  isNamed(t, await dieAs('endless characters'), { kind: 'console-flood' }, /one character, "x", without end/);
  // Where the reader is starved QEMU's UART drops characters, and no line is quite like the one before.
  isNamed(
    t,
    await dieAs('endless lines'),
    { kind: 'console-flood' },
    /the same line 2001 times|\d+ lines|bytes within/,
  );
});

t.test('last words', async (t) => {
  const early = { kind: 'early-error', text: 'ERR: Not a 64-bit CPU!', lastLandmark: 'early error' };
  isNamed(t, await dieAs('early error'), early, /^the subject said “ERR: Not a 64-bit CPU!”/);
  const panic = { kind: 'panic', text: 'PANIC: it hurts', lastLandmark: 'panic' };
  isNamed(t, await dieAs('panic'), panic, /^the subject said “PANIC: it hurts”/);
});

t.test('a subject that speaks as firmware and loader do is not believed', async (t) => {
  const forger = await dieAs('forger');
  isNamed(t, forger, { kind: 'halted', lastLandmark: 'loaded' }, /^hlt with interrupts off/);
  t.strictSame(forger.record.outOfPhase, [
    'loader started',
    'loaded',
    'early loader prompt',
    'loader prompt',
  ]);
  const exception = await dieAs('pretends an exception');
  isNamed(t, exception, { kind: 'halted' }, /^hlt with interrupts off/);
});

t.test('a firmware exception: vector, RIP and whose code it was', async (t) => {
  const died = await die({ choice, kernel: efiKernel(folder, 'ud2') }, { firmware: 'efi' });
  const exception = { vector: 6, description: '#UD - Invalid Opcode', image: undefined };
  isNamed(
    t,
    died,
    { kind: 'firmware-exception', exception, place: /^kernel\+/ },
    /^firmware exception 0x06 \(#UD - Invalid Opcode\), in no firmware image at 0x/,
  );
  t.match(died.death?.cpu, { bitness: 64, paging: true });
  const halted = await die({ choice, kernel: efiKernel(folder, 'cli; hlt') }, { firmware: 'efi' });
  isNamed(t, halted, { kind: 'halted', cpu: { bitness: 64 } }, /^hlt with interrupts off/);
});

t.test('the loader’s ends: its error’s text, no payload', async (t) => {
  const noKernel = await die({ choice, kernel: Buffer.alloc(4096) });
  const error = { kind: 'loader-error', text: 'no multiboot header found', phase: 'loader' };
  isNamed(t, noKernel, error, /^loader error: no multiboot header found/);
  const noPayload = await die(Buffer.alloc(64 * 1024));
  isNamed(t, noPayload, { ...error, text: /no readable payload/ }, /^loader error: GRUB found no readable/);
});

/** A medium whose configuration does something else where no payload is found; as long, so that files stay in place. */
async function mediumWith(command: string): Promise<string> {
  const original = '  echo "loadbase: no payload"\n';
  const bytes = readFileSync((await bootMedium('iso', await builtGrub(), CONTEXT_OF_BUILD)).path);
  const at = bytes.indexOf(original);
  if (at < 0) throw new Error('the configuration on the medium reads otherwise; adapt the test');
  bytes.write(`  ${command}`.padEnd(original.length - 1), at, 'latin1');
  const path = join(folder, `medium-${++runs}.iso`);
  writeFileSync(path, bytes);
  return path;
}

t.test('a loader at its prompt, and one that hangs: called so by its own share of the time', async (t) => {
  const nothing = Buffer.alloc(64 * 1024);
  const prompt = await die(nothing, { medium: await mediumWith('normal /nothing') });
  isNamed(t, prompt, { kind: 'loader-prompt', phase: 'loader' }, /^GRUB is at its prompt/);
  const hang = await die(nothing, { medium: await mediumWith('sleep 9999'), timeoutMs: 20_000 });
  isNamed(t, hang, { kind: 'loader-hang', lastLandmark: 'ready' }, /^loader hang: its time was up/);
  t.match(hang.record.end, { kind: 'timeout', phase: 'loader' });
});

t.test('a QEMU that is ended by somebody else', async (t) => {
  const kernel = dyingKernel(folder, 'busy');
  const onSubject = (pid: number) => process.kill(pid, 'SIGSEGV');
  const died = await die({ choice, kernel }, { onSubject });
  isNamed(t, died, { kind: 'qemu-error', cpu: undefined }, /^QEMU failed: /);
});
