/**
 * Launch … shutdown of one machine: a process group, a private socket folder, and the three streams that the protocol
 * clients and the console get. QEMU connects to our sockets for QMP and serial, so nothing is polled for.
 */
import { copyFile } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Laps } from '../lifetime/laps.ts';
import { Releases } from '../lifetime/releases.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { launchGroup, type ProcessGroup } from '../process/process-group.ts';
import type { ProcessExit } from '../process/spawn-group.ts';
import { QmpClient } from '../qmp/qmp-client.ts';
import { createSocketFolder, type SocketFolder } from '../workdir/socket-folder.ts';
import { qemuArguments } from './argv.ts';
import { GuestRam } from './guest-ram.ts';
import {
  loadDevices,
  MigrationFailedError,
  NoRoomForRamError,
  openDevices,
  readable,
  type MachineState,
} from './machine-state.ts';
import { SerialPipe } from './serial-pipe.ts';
import type { FirmwareImage, LogRange, MachineSpec, MachineWiring } from './machine-spec.ts';

/** QEMU ended before or while it was being connected: its own words say why. */
export class QemuStartError extends Error {
  override readonly name = 'QemuStartError';
  constructor(
    readonly exit: ProcessExit,
    readonly stderr: string,
    readonly stderrPath: string,
  ) {
    const how = exit.kind === 'exit' ? `exited with ${exit.code}` : `was ended by ${exit.signal}`;
    super(`QEMU ${how} before it could be talked to: ${stderr.trim() || 'it said nothing'} (${stderrPath})`);
  }
}

export interface LaunchOptions {
  readonly qemu: string;
  readonly spec: MachineSpec;
  readonly stderrPath: string;
  /** CPU resets and triple faults are logged there; see argv.ts. */
  readonly cpuLogPath?: string;
  /** See {@link MachineWiring.logRanges}. */
  readonly logRanges?: readonly LogRange[];
  readonly deadline: Deadline;
  /** Told each QMP line as it passes. */
  readonly onQmpLine?: (direction: 'send' | 'receive', text: string) => void;
  /** Told the whole command line once, before QEMU is started; QEMU waits for it. */
  readonly onArgv?: (argv: readonly string[]) => Promise<void> | void;
  /** false: QEMU's own anonymous memory. Default: shared where the host can (see GuestRam). */
  readonly sharedRam?: boolean;
  /** The machine goes on from there instead of its reset vector. Needs shared RAM. */
  readonly state?: MachineState;
  /** Told what the time goes to: `start` (QEMU), `restore`. */
  readonly laps?: Laps | undefined;
  /** Aborting ends QEMU, now or later; whoever waits sees that it has exited. */
  readonly signal?: AbortSignal;
}

/** QEMU closes its sockets a moment before its exit is seen, and the exit says more. */
const EXIT_SEEN_MS = 2000;

/** A machine that is there and frozen, at its reset vector or where its state was saved, until `qmp.execute('cont')`. */
export interface Machine extends AsyncDisposable {
  readonly spec: MachineSpec;
  readonly process: ProcessGroup;
  readonly qmp: QmpClient;
  readonly serial: Socket;
  readonly gdbSocket: string;
  /** Private and short, gone with the machine: for sockets. */
  readonly folder: string;
  /** Its own copy of the firmware's variable store; there only under UEFI. */
  readonly variables: string;
  /** Its RAM as a shared file; undefined where this host has no memory file system with room for it. */
  readonly ram: GuestRam | undefined;
  /** A new connection to QEMU's gdbstub. Opening it stops the machine. */
  connectGdb(deadline: Deadline): Promise<Socket>;
}

/**
 * @throws QemuStartError, MachineStateError, MigrationFailedError, NoRoomForRamError, DeadlineError, SocketPathTooLongError, and what QmpClient.connect, createSocketFolder and
 * launchGroup throw.
 */
export async function launchMachine(options: LaunchOptions): Promise<Machine> {
  const releases = new Releases();
  try {
    return await assemble(options, releases);
  } catch (error) {
    await releases[Symbol.asyncDispose]();
    throw error;
  }
}

async function assemble(options: LaunchOptions, releases: Releases): Promise<Machine> {
  const { spec, deadline, state } = options;
  const folder = releases.use('the socket folder', await createSocketFolder());
  const ram = options.sharedRam === false ? undefined : await GuestRam.create(spec);
  if (ram) releases.use('the guest’s RAM', ram);
  if (state) await fillRam(ram, state);
  const wiring = {
    ...wiringIn(folder, options.cpuLogPath),
    ...(ram ? { ram: ram.path } : {}),
    ...(options.logRanges ? { logRanges: options.logRanges } : {}),
    ...(state ? { incoming: true } : {}),
  };
  if (spec.firmware.kind === 'efi') await copyVariables(spec.firmware, state, wiring.variables);
  options.laps?.enter('start');
  const qmpListener = await listen(wiring.qmpSocket, releases);
  const pipe = await SerialPipe.create(wiring.serialPipe);
  releases.add('the serial pipe', () => pipe[Symbol.dispose]());
  const process = await startQemu(options, qemuArguments(spec, wiring), releases);
  const ended = process.exited.then((exit) => {
    throw new QemuStartError(exit, process.stderrTail(), options.stderrPath);
  });
  ended.catch(() => undefined);
  const qmpStream = await deadline.wait(
    Promise.race([qmpListener.connection, ended]),
    'QEMU to connect its monitor',
  );
  const qmp = await greet(qmpStream, ended, options);
  if (state) {
    options.laps?.enter('restore');
    await heardOut(loadDevices(qmp, deadline), qmpStream, ended);
  }
  const serial = pipe.read();
  releases.add('the serial port', () => serial.destroy());
  return {
    spec,
    process,
    qmp,
    serial,
    gdbSocket: wiring.gdbSocket,
    folder: folder.path,
    variables: wiring.variables,
    ram,
    connectGdb: (within) => connectTo(wiring.gdbSocket, within),
    [Symbol.asyncDispose]: () => releases[Symbol.asyncDispose](),
  };
}

async function fillRam(ram: GuestRam | undefined, state: MachineState): Promise<void> {
  if (!ram) throw new NoRoomForRamError();
  try {
    await ram.fill(state.ram);
  } catch (cause) {
    // Others have taken the room since it was asked for.
    throw (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? new NoRoomForRamError({ cause }) : cause;
  }
}

async function copyVariables(
  { variablesTemplate }: Extract<FirmwareImage, { kind: 'efi' }>,
  state: MachineState | undefined,
  to: string,
): Promise<void> {
  const copy = (path: string) => copyFile(path, to);
  await (state?.variables === undefined ? copy(variablesTemplate) : readable(state.variables, copy));
}

async function greet(
  stream: Socket,
  ended: Promise<never>,
  { deadline, onQmpLine }: LaunchOptions,
): Promise<QmpClient> {
  return heardOut(
    QmpClient.connect(stream, { deadline, ...(onQmpLine ? { onLine: onQmpLine } : {}) }),
    stream,
    ended,
  );
}

/** Where QEMU died instead of answering, its exit and its stderr say more than the socket that closed before. */
async function heardOut<T>(answer: Promise<T>, stream: Socket, ended: Promise<never>): Promise<T> {
  try {
    return await Promise.race([answer, ended]);
  } catch (error) {
    const peerEnds = stream.readableEnded || stream.errored !== null || error instanceof MigrationFailedError;
    if (!peerEnds) throw error;
    throw await Deadline.in(EXIT_SEEN_MS)
      .wait(ended, 'the exit')
      .catch((exit: unknown) => (exit instanceof QemuStartError ? exit : error));
  }
}

async function startQemu(
  { qemu, stderrPath, onArgv, signal, state }: LaunchOptions,
  argv: readonly string[],
  releases: Releases,
): Promise<ProcessGroup> {
  await onArgv?.([qemu, ...argv]);
  await using devices = state && (await openDevices(state));
  const process = await launchGroup(qemu, argv, {
    stderrPath,
    ...(devices ? { stdinFd: devices.fd } : {}),
  });
  // SIGKILL at once: every drive is read-only or this machine's own, so there is nothing to flush.
  const kill = () => process.terminate({ graceMs: 0 });
  releases.add('QEMU', kill);
  const onAbort = () => void kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  releases.add('the abort listener', () => signal?.removeEventListener('abort', onAbort));
  if (signal?.aborted) onAbort();
  return process;
}

/** @throws SocketPathTooLongError: Node would cut the path, and QEMU would look for another. */
function wiringIn(folder: SocketFolder, cpuLogPath: string | undefined): MachineWiring {
  // QEMU takes a % in the name of its log for a place to put its process number.
  const isPlain = cpuLogPath !== undefined && !cpuLogPath.includes('%');
  return {
    ...(isPlain ? { cpuLog: cpuLogPath } : {}),
    qmpSocket: folder.socketPath('qmp'),
    serialPipe: join(folder.path, 'serial'),
    gdbSocket: folder.socketPath('gdb'),
    variables: join(folder.path, 'variables.fd'),
  };
}

/** A socket that takes exactly one connection. */
async function listen(path: string, releases: Releases): Promise<{ connection: Promise<Socket> }> {
  const server: Server = createServer({ pauseOnConnect: false });
  const connection = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => undefined);
      releases.add(`the connection at ${path}`, () => socket.destroy());
      server.close();
      resolve(socket);
    });
  });
  server.listen(path);
  releases.add(`the listener at ${path}`, () => server.close());
  await once(server, 'listening');
  return { connection };
}

async function connectTo(path: string, deadline: Deadline): Promise<Socket> {
  const socket = connect(path);
  try {
    await deadline.wait(once(socket, 'connect'), `QEMU's gdbstub at ${path}`);
    socket.on('error', () => undefined);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
