import type { Duplex } from 'node:stream';
import { Deadline } from '../lifetime/deadline.ts';
import { encodeHex } from '../bits/hex.ts';
import {
  PhysicalModeUnsupportedError,
  RspErrorReply,
  RspProtocolError,
  RspUnsupportedError,
} from './errors.ts';
import { type StubFeatures, maxReadBytes, maxWriteBytes, parseFeatures } from './features.ts';
import type { RspDirection } from './packet-link.ts';
import { packetOf, type RspCommand } from './command.ts';
import { RegisterWords } from './register-words.ts';
import { type X86Registers, decodeX86Registers } from './registers.ts';
import { accepted, type RspState, RspSession } from './rsp-session.ts';
import type { StopReply, WatchpointKind } from './stop-reply.ts';
import { readDescription } from './read-description.ts';
import { type RegisterSlot, registerSlots } from './target-description.ts';

export interface RspConnectOptions {
  /** For connecting; commands have their own time. */
  readonly deadline: Deadline;
  /** Hears each packet's payload, for the log. */
  readonly onPacket?: (direction: RspDirection, payload: string) => void;
  /** For each reply. Default 10 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const WATCHPOINT_TYPES: Readonly<Record<WatchpointKind, number>> = { write: 2, read: 3, access: 4 };

/**
 * A client of a GDB stub (GDB manual, appendix E "GDB Remote Serial Protocol"), as far as QEMU's x86-64 stub goes.
 * Connecting stops the machine (QEMU, gdb_chr_event), and takes out the breakpoints of whoever was there before.
 * It owns the stream it is given.
 *
 * Every command throws RspStateError where the machine runs (any byte sent would stop it), RspErrorReply or
 * RspUnsupportedError where the stub refuses, RspClosedError, RspProtocolError, and DeadlineError where no reply comes
 * in time, which ends the connection: a late reply could not be told from the next one.
 */
export class RspClient implements AsyncDisposable {
  readonly #session: RspSession;
  readonly features: StubFeatures;
  #slots: readonly RegisterSlot[] | undefined;
  #words: RegisterWords | undefined;

  private constructor(session: RspSession, features: StubFeatures) {
    this.#session = session;
    this.features = features;
  }

  /** @throws DeadlineError where the stub is silent; RspProtocolError, RspClosedError. The stream is then destroyed. */
  static async connect(stream: Duplex, options: RspConnectOptions): Promise<RspClient> {
    const { deadline, timeoutMs = TIMEOUT_MS, onPacket } = options;
    const session = new RspSession(stream, timeoutMs, onPacket);
    try {
      // No multiprocess+: thread numbers stay plain, and `D` needs no process.
      const supported = await session.ask('qSupported:swbreak+;hwbreak+;vContSupported+', deadline);
      const features = parseFeatures(supported);
      if (features.noAckMode) {
        await session.command('QStartNoAckMode', deadline);
        session.stopAcknowledging();
      }
      await session.askWhyStopped(deadline);
      return new RspClient(session, features);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get state(): RspState {
    return this.#session.state;
  }

  /** Settles when the connection has ended, for whatever reason; never rejects. */
  get closed(): Promise<void> {
    return this.#session.closed;
  }

  /** Why the machine last stopped. Not asked again: QEMU takes `?` for a new debugger, and removes all breakpoints. */
  haltReason(): StopReply {
    return this.#session.lastStop;
  }

  /** The registers of the CPU that stopped. */
  async readRegisters(): Promise<X86Registers> {
    const slots = await this.#registerSlots();
    return decodeX86Registers(await this.#session.ask('g'), slots);
  }

  /** The same registers as words: REGISTER_WORD says where. */
  async readRegisterWords(): Promise<Int32Array> {
    const words = await this.#registerWords();
    return words.read(await this.#session.ask('g'));
  }

  /** The registers as they are now; the next instruction is under way then: {@link waitForStop}. */
  async readRegisterWordsAndStep(): Promise<Int32Array> {
    const words = await this.#registerWords();
    const [reply] = await this.#session.askTogether(['g'], 's');
    return words.read(reply!);
  }

  /**
   * Reads memory, in as many packets as it takes: linear addresses in the current address space, or physical ones
   * in physical memory mode.
   * @throws RspErrorReply where an address is not mapped.
   */
  async readMemory(address: bigint | number, sizeBytes: number): Promise<Uint8Array> {
    const bytes = Buffer.alloc(sizeBytes);
    const most = maxReadBytes(this.features);
    for (let done = 0; done < sizeBytes;) {
      const size = Math.min(most, sizeBytes - done);
      const reply = await this.#session.ask(
        `m${(BigInt(address) + BigInt(done)).toString(16)},${size.toString(16)}`,
      );
      const got = reply.length / 2;
      // A stub may answer with less than was asked for ("m addr,length").
      if (!/^(?:[0-9a-f]{2})+$/i.test(reply) || got > size)
        throw new RspProtocolError('memory that is not what was asked for', reply.slice(0, 80));
      bytes.write(reply, done, 'hex');
      done += got;
    }
    return bytes;
  }

  /** Writes memory; addresses as for {@link readMemory}. */
  async writeMemory(address: bigint | number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const at = BigInt(address) + BigInt(done);
      const piece = bytes.subarray(done, done + maxWriteBytes(this.features, at));
      await this.#session.command(`M${at.toString(16)},${piece.length.toString(16)}:${encodeHex(piece)}`);
      done += piece.length;
    }
  }

  /**
   * Whether addresses of memory are physical, whatever the CPU's mode (QEMU, docs/system/gdb). Breakpoints and
   * watchpoints stay linear. It is the stub's setting, and outlives the connection.
   * @throws PhysicalModeUnsupportedError
   */
  async setPhysicalMemoryMode(on: boolean): Promise<void> {
    try {
      await this.#session.command(`Qqemu.PhyMemMode:${on ? 1 : 0}`);
    } catch (cause) {
      const refused = cause instanceof RspUnsupportedError || cause instanceof RspErrorReply;
      throw refused ? new PhysicalModeUnsupportedError({ cause }) : cause;
    }
  }

  /**
   * Has QEMU's human monitor run a command (`qRcmd`, gdb's `monitor`): many times faster than over QMP, which QEMU reads a
   * byte at a time. @returns what it prints
   */
  async monitor(commandLine: string): Promise<string> {
    const [text] = await this.together([{ kind: 'monitor', commandLine }]);
    return text!;
  }

  /**
   * Several commands in one write, then, where asked for, the machine is let run.
   * @returns for each what the monitor printed, '' for breakpoints
   * @throws RspErrorReply, RspUnsupportedError where one is refused; those behind it are done all the same
   */
  async together(commands: readonly RspCommand[], then?: 'continue'): Promise<string[]> {
    const replies = await this.#session.askTogether(commands.map(packetOf), then && 'c');
    return replies.map((reply, index) => {
      const packet = packetOf(commands[index]!);
      if (accepted(packet, reply).endsWith('OK')) return reply.slice(0, -'OK'.length);
      throw new RspProtocolError(`${packet} is answered with`, reply.slice(0, 80));
    });
  }

  /** Stops before the instruction at a linear address; no byte of the guest is changed. */
  async insertHardwareBreakpoint(address: bigint): Promise<void> {
    await this.#session.command(`Z1,${address.toString(16)},1`);
  }

  async removeHardwareBreakpoint(address: bigint): Promise<void> {
    await this.#session.command(`z1,${address.toString(16)},1`);
  }

  /** Stops after an access to linear addresses. */
  async insertWatchpoint(kind: WatchpointKind, address: bigint, sizeBytes: number): Promise<void> {
    await this.#session.command(
      `Z${WATCHPOINT_TYPES[kind]},${address.toString(16)},${sizeBytes.toString(16)}`,
    );
  }

  async removeWatchpoint(kind: WatchpointKind, address: bigint, sizeBytes: number): Promise<void> {
    await this.#session.command(
      `z${WATCHPOINT_TYPES[kind]},${address.toString(16)},${sizeBytes.toString(16)}`,
    );
  }

  /** Lets the machine run. @throws RspStateError where it runs already, or a command is under way. */
  continue(): void {
    this.#session.resume('c');
  }

  /** One instruction; a `hlt` that nothing wakes does not end. @throws DeadlineError; the machine then still runs. */
  async step(deadline: Deadline = Deadline.in(TIMEOUT_MS)): Promise<StopReply> {
    this.#session.resume('s');
    return this.#session.waitForStop(deadline);
  }

  /** Asks a running machine to stop; {@link waitForStop} tells when it has. One that stopped just now is no error. */
  interrupt(): void {
    this.#session.interrupt();
  }

  /**
   * Why the machine stopped since it was last let run: already, or when it does.
   * @throws DeadlineError (the machine still runs), RspClosedError, RspStateError where it was never let run.
   */
  async waitForStop(deadline: Deadline): Promise<StopReply> {
    return this.#session.waitForStop(deadline);
  }

  /** Removes all breakpoints and lets the machine run (QEMU, handle_detach); the connection then ends. */
  async detach(): Promise<void> {
    await this.#session.command('D');
    this.#session.close();
  }

  /** Ends the connection; machine and breakpoints stay as they are. */
  close(): void {
    this.#session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  async #registerSlots(): Promise<readonly RegisterSlot[]> {
    return (this.#slots ??= registerSlots(await readDescription(this.#session, this.features)));
  }

  async #registerWords(): Promise<RegisterWords> {
    return (this.#words ??= new RegisterWords(await this.#registerSlots()));
  }
}
