/** A real machine into files and back: it stands where it stood, with the memory that it had, and goes on. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { poll } from '../lifetime/poll.ts';
import { launchMachine, QemuStartError, type Machine } from './launch.ts';
import { NoRoomForRamError, readMachineState, type MachineState } from './machine-state.ts';
import { prepareToSave, saveMachineState } from './save-machine-state.ts';
import { bench, type Bench } from './testdata/bench.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

const inTime = () => Deadline.in(20_000);

/**
 * A boot sector that counts at 0x8000 without end and prints each 65,536th count's upper half: what goes on is seen
 * there. mov ax, 0; mov ds, ax; again: inc dword [0x8000]; mov ax, [0x8000]; test ax, ax; jnz again;
 * mov al, [0x8002]; mov dx, 0x3f8; out dx, al; jmp again.
 */
const COUNTER = Buffer.from(
  'b80000 8ed8 66ff060080 a10080 85c0 75f4 a00280 baf803 ee ebeb'.replaceAll(' ', ''),
  'hex',
);

/** SeaBIOS boots a disk whose first sector ends so. */
function counterDisk(folder: string): string {
  const path = join(folder, 'disk');
  const sector = Buffer.alloc(512);
  COUNTER.copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  writeFileSync(path, sector);
  truncateSync(path, 1024 * 1024);
  return path;
}

function launch({ spec, directory, stderrPath }: Bench, state?: MachineState): Promise<Machine> {
  const medium = { kind: 'disk', path: counterDisk(directory) } as const;
  truncateSync(spec.payload, 1024 * 1024);
  return launchMachine({
    ...{ qemu: 'qemu-system-x86_64', spec: { ...spec, medium }, stderrPath, deadline: inTime() },
    ...(state ? { state } : {}),
  });
}

const count = async ({ ram }: Machine) =>
  Buffer.from((await ram?.read(0x8000, 4)) ?? [0, 0, 0, 0]).readUInt32LE();
const registers = ({ qmp }: Machine) =>
  qmp.execute('human-monitor-command', { 'command-line': 'info registers' });

/** Counting, then stopped and saved into a folder. */
async function saved(at: Bench) {
  await using machine = await launch(at);
  machine.serial.resume();
  await machine.qmp.execute('cont');
  await poll('the boot sector to count', inTime(), async () => (await count(machine)) > 0x30000 || undefined);
  await machine.qmp.execute('stop');
  const before = { count: await count(machine), registers: await registers(machine) };
  const folder = join(at.directory, 'state');
  mkdirSync(folder);
  await saveMachineState(machine, folder, inTime());
  return { folder, before, ram: Buffer.from((await machine.ram?.contents())?.bytes ?? []) };
}

t.test('a machine that was saved stands there again, and goes on: twice, each for itself', async (t) => {
  const at = bench(t);
  const { folder, before, ram } = await saved(at);
  t.strictSame(readdirSync(folder).sort(), ['devices', 'extents.json', 'ram']);
  const state = await readMachineState(folder, at.spec);
  t.ok(Buffer.compare(Buffer.from(state.ram.bytes), ram) === 0, 'all RAM is kept');
  await using one = await launch(at, state);
  t.ok(
    Buffer.compare((await one.ram?.contents())?.bytes ?? Buffer.alloc(0), ram) === 0,
    'and is there again',
  );
  t.equal(await registers(one), before.registers);
  t.equal(await count(one), before.count);
  t.match(await one.qmp.execute('query-status'), { running: false });
  const heard: Buffer[] = [];
  one.serial.on('data', (chunk: Buffer) => heard.push(chunk));
  await one.qmp.execute('cont');
  await poll(
    'it to count on',
    inTime(),
    async () => (await count(one)) > before.count + 0x30000 || undefined,
  );
  await poll('a word from it', inTime(), () => heard.length > 0 || undefined);
  t.equal(heard[0]?.[0], (before.count >>> 16) + 1, 'the next number that was to be printed');
  await using other = await launch(at, state);
  t.equal(await count(other), before.count, 'the other did not touch it');
});

t.test('a stream that is none, or another machine’s: QEMU’s own words', async (t) => {
  const at = bench(t);
  const { folder } = await saved(at);
  const state = await readMachineState(folder, at.spec);
  const whole = readFileSync(state.devices);
  const cases: readonly (readonly [string, Buffer, Bench['spec']['machine'], RegExp])[] = [
    ['another machine type', whole, 'pc', /exited with 1 .*(Machine type|Unknown|migration failed)/s],
    ['garbage', Buffer.from('no stream at all'), 'q35', /exited with 1 .*Not a migration stream/s],
    ['cut in the middle', whole.subarray(0, whole.length / 2), 'q35', /exited with 1 /],
    ['nothing', Buffer.alloc(0), 'q35', /exited with 1 /],
  ];
  for (const [what, stream, machine, words] of cases) {
    writeFileSync(state.devices, stream);
    const other = { ...at, spec: { ...at.spec, machine } };
    const error = await launch(other, state).then(
      (launched) => launched[Symbol.asyncDispose]().then(() => undefined),
      (reason: unknown) => reason,
    );
    t.ok(error instanceof QemuStartError, `${what}: ${String(error)}`);
    t.match((error as Error).message, words, what);
  }
  t.strictSame(readdirSync(process.env['TMPDIR'] ?? ''), [], 'nothing is left');
});

t.test('a file that is gone is a fault of the state', async (t) => {
  const at = bench(t);
  const { folder } = await saved(at);
  const state = await readMachineState(folder, at.spec);
  rmSync(state.devices);
  await t.rejects(launch(at, state), {
    name: 'MachineStateError',
    message: 'its devices cannot be read (ENOENT)',
  });
  rmSync(join(folder, 'ram'));
  await t.rejects(readMachineState(folder, at.spec), { message: 'its ram cannot be read (ENOENT)' });
  t.strictSame(readdirSync(process.env['TMPDIR'] ?? ''), []);
});

t.test('a full disk is seen at once, wherever the state is written', async (t) => {
  const at = bench(t);
  for (const file of ['devices', 'ram', 'extents.json']) {
    await using machine = await launch(at);
    const folder = join(at.directory, `full-${file}`);
    mkdirSync(folder);
    symlinkSync('/dev/full', join(folder, file));
    await machine.qmp.execute('cont');
    await poll('the boot sector to count', inTime(), async () => (await count(machine)) > 0 || undefined);
    await machine.qmp.execute('stop');
    await t.rejects(saveMachineState(machine, folder, inTime()), { code: 'ENOSPC' }, file);
    t.notOk(existsSync(join(machine.folder, 'state')), 'the socket is gone');
  }
});

t.test('without a file for its RAM a machine is neither saved nor restored', async (t) => {
  const at = bench(t);
  const { folder } = await saved(at);
  const state = await readMachineState(folder, at.spec);
  const { spec, stderrPath } = at;
  const plain = { qemu: 'qemu-system-x86_64', spec, stderrPath, deadline: inTime(), sharedRam: false };
  await using machine = await launchMachine(plain);
  await t.rejects(prepareToSave(machine), NoRoomForRamError);
  await t.rejects(saveMachineState(machine, folder, inTime()), NoRoomForRamError);
  await t.rejects(launchMachine({ ...plain, state }), NoRoomForRamError);
});

t.test('a migration that QEMU begins and gives up', async (t) => {
  const at = bench(t);
  await using machine = await launch(at);
  const folder = join(at.directory, 'twice');
  mkdirSync(folder);
  const executed = machine.qmp.execute.bind(machine.qmp);
  machine.qmp.execute = (command, args, options) =>
    executed(command, command === 'migrate' ? { uri: 'unix:/not-there' } : args, options);
  await t.rejects(saveMachineState(machine, folder, inTime()), { message: /migration failed|not-there/ });
});
