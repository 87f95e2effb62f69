import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { Releases } from '../lifetime/releases.ts';
import { QmpClient } from '../qmp/qmp-client.ts';
import { frozenMachine } from '../qmp/testdata/frozen-machine.ts';
import { REGISTER_WORD } from './register-words.ts';
import { RspClient } from './rsp-client.ts';

const OVMF = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const RESET_VECTOR = 0xffff_fff0n;
const inTime = () => Deadline.in(60_000);

/** A real machine with both protocols connected. */
async function connectedMachine(extraArgs: readonly string[] = []) {
  const releases = new Releases();
  try {
    const machine = releases.use('machine', await frozenMachine(extraArgs));
    const qmp = await QmpClient.connect(await machine.connect('qmp'), { deadline: inTime() });
    releases.use('QMP', qmp);
    const rsp = await RspClient.connect(await machine.connect('gdb'), { deadline: inTime() });
    releases.use('RSP', rsp);
    return { machine, qmp, rsp, [Symbol.asyncDispose]: () => releases[Symbol.asyncDispose]() };
  } catch (error) {
    await releases[Symbol.asyncDispose]();
    throw error;
  }
}

async function monitor(qmp: QmpClient, commandLine: string): Promise<string> {
  return String(await qmp.execute('human-monitor-command', { 'command-line': commandLine }));
}

/** `info registers` as numbers under the names of the target description: the oracle for the `g` reply. */
async function monitorRegisters(qmp: QmpClient): Promise<Map<string, bigint>> {
  const text = await monitor(qmp, 'info registers');
  const found = new Map<string, bigint>();
  const put = (name: string, digits: string) => found.set(name, BigInt(`0x${digits}`));
  for (const [, name, digits] of text.matchAll(/\b(R[A-Z0-9]{1,2}|E[A-Z]{2}|CR\d|EFER) *=([0-9a-f]+)/g)) {
    if (name === 'EFL' || name === 'RFL') put('eflags', digits!);
    else put(name === 'EFER' ? 'efer' : name!.toLowerCase().replace(/^e/, 'r'), digits!);
  }
  for (const [, name, selector, base] of text.matchAll(/^([CDEFGS]S) *=([0-9a-f]{4}) ([0-9a-f]+)/gm)) {
    put(name!.toLowerCase(), selector!);
    if (name === 'FS' || name === 'GS') put(`${name.toLowerCase()}_base`, base!);
  }
  return found;
}

async function checkRegisters(t: Test, rsp: RspClient, qmp: QmpClient, when: string): Promise<void> {
  const [registers, oracle] = [await rsp.readRegisters(), await monitorRegisters(qmp)];
  t.ok(oracle.size >= 23, `${when}: info registers was understood`);
  for (const [name, value] of oracle) t.equal(registers.get(name), value, `${when}: ${name}`);
}

t.test('real and protected mode: registers, memory, breakpoints, steps', async (t) => {
  await using machine = await connectedMachine();
  const { rsp, qmp } = machine;
  t.match(rsp.haltReason(), { kind: 'signal', signal: 5 });
  t.match(rsp.features, { packetSize: 0x1000, targetDescription: true });
  await checkRegisters(t, rsp, qmp, 'reset');
  const registers = await rsp.readRegisters();
  t.equal(registers.rip, 0xfff0n);
  t.equal(registers.cs, 0xf000n);

  t.match(await rsp.step(), { kind: 'signal', signal: 5 });
  const before = (await rsp.readRegisters()).rip;
  const words = await rsp.readRegisterWordsAndStep();
  t.equal(BigInt(words[REGISTER_WORD.rip]! >>> 0), before, 'the registers of before the step');
  t.match(await rsp.waitForStop(inTime()), { kind: 'signal', signal: 5 });
  const after = await rsp.readRegisterWords();
  t.not(after[REGISTER_WORD.rip], words[REGISTER_WORD.rip], 'the step was made');
  t.match(await rsp.monitor('info registers'), /^EAX=/m);
  await checkRegisters(t, rsp, qmp, 'after a step');

  // SeaBIOS goes to 32 bits early: step until CR0.PE is set.
  let steps = 0;
  while (((await rsp.readRegisters()).cr0 & 1n) === 0n && steps++ < 200) await rsp.step();
  t.ok(steps < 200, 'protected mode');
  await checkRegisters(t, rsp, qmp, 'protected mode');
});

t.test('memory in packets of all sizes, read back by the monitor', async (t) => {
  await using machine = await connectedMachine();
  const { rsp, qmp } = machine;
  await rsp.setPhysicalMemoryMode(true);
  const pattern = Buffer.from(Array.from({ length: 10_007 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
  await rsp.writeMemory(0x10_0003, pattern);
  t.same(await rsp.readMemory(0x10_0003, pattern.length), pattern);
  for (const size of [0, 1, 0x7fe, 0x7ff, 0x800, 0x801, 0xfff, 0x1000]) {
    t.same(await rsp.readMemory(0x10_0003n, size), pattern.subarray(0, size), `${size} bytes`);
  }
  const words = /: (0x\w+) (0x\w+)/.exec(await monitor(qmp, 'xp /2wx 0x100003'))!;
  t.equal(Number(words[1]), pattern.readUInt32LE(0));
  t.equal(Number(words[2]), pattern.readUInt32LE(4));
  // The largest packets the stub takes, at addresses of each length.
  for (const address of [0x1n, 0x1000n, 0x123_4567n]) {
    await rsp.writeMemory(address, pattern);
    t.same(await rsp.readMemory(address, pattern.length), pattern);
  }
});

t.test('continue, hardware breakpoint, watchpoint, interrupt', async (t) => {
  await using machine = await connectedMachine();
  const { rsp, qmp } = machine;
  // SeaBIOS's first instruction is a far jump to f000:e05b.
  await rsp.insertHardwareBreakpoint(0xfe05bn);
  rsp.continue();
  t.equal(rsp.state, 'running');
  t.match(await rsp.waitForStop(inTime()), { kind: 'signal', signal: 5 });
  t.equal((await rsp.readRegisters()).rip, 0xe05bn);
  t.match(await qmp.execute('query-status'), { running: false });
  await rsp.removeHardwareBreakpoint(0xfe05bn);

  // The timer's tick count in the BIOS data area.
  await rsp.insertWatchpoint('write', 0x46cn, 4);
  rsp.continue();
  const watched = await rsp.waitForStop(inTime());
  t.match(watched, { signal: 5, watchpoint: { kind: 'write', address: 0x46cn } });
  await rsp.removeWatchpoint('write', 0x46cn, 4);

  rsp.continue();
  await t.rejects(rsp.readRegisters(), { name: 'RspStateError' });
  rsp.interrupt();
  t.match(await rsp.waitForStop(inTime()), { kind: 'signal', signal: 2 });
  await checkRegisters(t, rsp, qmp, 'interrupted');
});

t.test('detach lets the machine run; connecting stops it again', async (t) => {
  await using machine = await connectedMachine();
  const { rsp, qmp } = machine;
  await rsp.insertHardwareBreakpoint(0xfe05bn);
  await rsp.detach();
  t.equal(rsp.state, 'closed');
  await rsp.closed;
  await qmp.waitForEvent('RESUME', inTime());
  t.match(await qmp.execute('query-status'), { running: true }, 'past the breakpoint');
  await using again = await RspClient.connect(await machine.machine.connect('gdb'), { deadline: inTime() });
  t.equal(again.state, 'stopped');
  t.match(await qmp.execute('query-status'), { running: false });
  await checkRegisters(t, again, qmp, 'connected to a running machine');
});

t.test('a machine stopped over QMP tells so; one that ends closes', async (t) => {
  await using machine = await connectedMachine();
  const { rsp, qmp } = machine;
  rsp.continue();
  await qmp.waitForEvent('RESUME', inTime());
  await qmp.execute('stop');
  t.match(await rsp.waitForStop(inTime()), { kind: 'signal', signal: 2 });
  rsp.continue();
  await qmp.execute('quit');
  const end = await rsp.waitForStop(inTime()).catch((error: unknown) => error);
  t.ok(['exited', undefined].includes((end as { kind?: string }).kind));
  await rsp.closed;
});

const noOvmf = existsSync(OVMF) ? {} : { skip: `${OVMF} is not there (Debian package ovmf)` };

t.test('long mode: registers, paging, addresses that are not mapped', noOvmf, async (t) => {
  await using machine = await connectedMachine(['-drive', `if=pflash,format=raw,readonly=on,file=${OVMF}`]);
  const { rsp, qmp } = machine;
  const firmware = await monitor(qmp, 'xp /4wx 0xfffffff0');
  await rsp.setPhysicalMemoryMode(true);
  const words = Buffer.from(await rsp.readMemory(RESET_VECTOR, 16));
  t.match(firmware, `0x${words.readUInt32LE(0).toString(16).padStart(8, '0')}`);

  let registers = await rsp.readRegisters();
  for (let round = 0; round < 100 && (registers.efer & 0x400n) === 0n; round++) {
    rsp.continue();
    await new Promise((resolve) => setTimeout(resolve, 100));
    rsp.interrupt();
    await rsp.waitForStop(inTime());
    registers = await rsp.readRegisters();
  }
  t.ok((registers.efer & 0x400n) !== 0n, 'EFER.LMA');
  await checkRegisters(t, rsp, qmp, 'long mode');
  await rsp.setPhysicalMemoryMode(false);
  const hole = rsp.readMemory(0xffff_8000_0000_0000n, 8);
  await t.rejects(hole, { name: 'RspErrorReply', code: 'E14' });
});
