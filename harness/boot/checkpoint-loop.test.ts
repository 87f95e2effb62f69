import t from 'tap';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import { streamPair } from '../qmp/testdata/stream-pair.ts';
import { X86_REGISTER_NAMES } from '../rsp/registers.ts';
import { CONNECTING, scriptedStub } from '../rsp/testdata/scripted-stub.ts';
import type { BootEnd } from './boot-end.ts';
import { runCheckpoints, type CheckpointOutcome, type CheckpointRun } from './checkpoint-loop.ts';

const EXPECTED: BootEnd = { kind: 'subject', meaning: 'expected', text: 'done' };
const XML = `<target>${X86_REGISTER_NAMES.map((name) => `<reg name="${name}" bitsize="64"/>`).join('')}</target>`;
const RIP = X86_REGISTER_NAMES.indexOf('rip');

const stops = (...addresses: bigint[]) => addresses.map((address) => ({ name: `at ${address}`, address }));

interface Followed {
  readonly outcome: CheckpointOutcome;
  readonly heard: readonly string[];
  /** The most breakpoints set at once. */
  readonly most: number;
}

/** A guest that stops at `path`, one address after the other, and then runs on until `ended`. */
async function follow(path: readonly bigint[], run: Partial<CheckpointRun>): Promise<Followed> {
  const [ours, theirs] = streamPair();
  const left = [...path];
  const set = new Set<string>();
  let [now, most] = [0n, 0];
  let end: (end: BootEnd) => void = () => undefined;
  const ended = new Promise<BootEnd>((resolve) => (end = resolve));
  const stub = scriptedStub(theirs, (packet) => {
    if (packet in CONNECTING) return CONNECTING[packet];
    if (packet.startsWith('qXfer:features:read:target.xml:0,')) return `l${XML}`;
    if (packet === 'g') {
      const registers = Buffer.alloc(8 * X86_REGISTER_NAMES.length);
      registers.writeBigUInt64LE(now, 8 * RIP);
      return registers.toString('hex');
    }
    if (packet === 'c') {
      const next = left.shift();
      if (next === undefined) end(EXPECTED);
      else now = next;
      return next === undefined ? undefined : 'T05thread:01;';
    }
    const [, kind, address = ''] = /^([zZ])1,([0-9a-f]+),1$/.exec(packet) ?? [];
    if (kind === 'Z') set.add(address);
    if (kind === 'z') set.delete(address);
    most = Math.max(most, set.size);
    return 'OK';
  });
  const machine = { connectGdb: async () => ours, qmp: {} } as unknown as Machine;
  const observe = async () => [{ ok: true, text: 'seen' }];
  const deadline = Deadline.in(20_000);
  const outcome = await runCheckpoints({ machine, observe, ended, deadline, stops: [], ...run });
  return { outcome, heard: stub.heard, most };
}

t.test('stops are met in order, four breakpoints at most at a time', async (t) => {
  const all = [1n, 2n, 3n, 4n, 5n, 6n, 7n];
  const phases: string[] = [];
  const { outcome, most, heard } = await follow(all, {
    stops: stops(...all),
    onPhase: (phase) => phases.push(phase),
  });
  t.strictSame(outcome.end, EXPECTED);
  t.strictSame(
    outcome.checkpoints.map(({ address }) => address),
    all,
  );
  t.strictSame(outcome.missed, []);
  t.strictSame(
    phases,
    all.map((address) => `at ${address}`),
  );
  t.equal(most, 4);
  t.equal(heard.filter((packet) => packet.startsWith('z1')).length, 7, 'each is taken out when it is met');
  t.ok(heard.includes('Qqemu.PhyMemMode:1'));
});

t.test('what was not met is named, in order; out of order is met all the same', async (t) => {
  const { outcome } = await follow([3n, 1n], { stops: stops(1n, 2n, 3n, 4n, 5n) });
  t.strictSame(
    outcome.checkpoints.map(({ name }) => name),
    ['at 3', 'at 1'],
  );
  t.strictSame(outcome.missed, ['at 2', 'at 4', 'at 5']);
});

t.test('a guest that stops again and again for reasons of its own is not followed for ever', async (t) => {
  const { outcome } = await follow(Array(100).fill(0x999n), { stops: stops(1n) });
  t.match(outcome.end, { kind: 'loader', detail: /keeps stopping/ });
  t.strictSame(outcome.missed, ['at 1']);
});

t.test('what a check cannot read is an observation; a stub that is silent is not', async (t) => {
  const { outcome } = await follow([1n], {
    stops: stops(1n),
    observe: async () => {
      throw new Error('the GDB stub answers "m0,4" with E14');
    },
  });
  t.strictSame(outcome.checkpoints[0]?.observations, [
    { ok: false, text: 'could not be looked at: the GDB stub answers "m0,4" with E14' },
  ]);
  const silent = follow([1n], {
    stops: stops(1n),
    ended: new Promise<never>(() => undefined),
    observe: async () => {
      throw new DeadlineError("the GDB stub's reply to m0,4", 10_000);
    },
  });
  await t.rejects(silent, DeadlineError);
});

t.test('a machine that ends while it is looked at: its end, and what was seen until then', async (t) => {
  const died: BootEnd = { kind: 'machine', end: { kind: 'reset' } };
  const { outcome } = await follow([1n, 2n], {
    stops: stops(1n, 2n),
    ended: new Promise((resolve) => setTimeout(() => resolve(died), 300)),
    observe: async (name) => {
      if (name === 'at 2') throw new DeadlineError("the GDB stub's reply to g", 1);
      return [{ ok: true, text: 'seen' }];
    },
  });
  t.strictSame(outcome.end, died);
  t.strictSame(
    outcome.checkpoints.map(({ name }) => name),
    ['at 1'],
  );
  t.strictSame(outcome.missed, ['at 2']);
});
