import type { Duplex } from 'node:stream';
import { Deadline } from '../lifetime/deadline.ts';
import {
  RspClosedError,
  RspErrorReply,
  RspProtocolError,
  RspStateError,
  RspUnsupportedError,
} from './errors.ts';
import { MachineRun } from './machine-run.ts';
import { PacketLink, type RspDirection } from './packet-link.ts';
import { type StopReply, parseStopReply } from './stop-reply.ts';

/** `stopped`: commands are answered; `running`: only an interrupt may be sent, and a stop reply comes; `closed`. */
export type RspState = 'stopped' | 'running' | 'closed';

interface Pending {
  readonly packet: string;
  /** Whether the answer is a stop reply. */
  readonly wantsStop: boolean;
  /** What the debugger's console is told before the answer, in pieces; absent: nothing may be. */
  readonly console?: string[];
  readonly resolve: (payload: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Text for the debugger's console: before the answer to `qRcmd`, and while the machine runs ("Stop Reply Packets"), though QEMU
 * sends none then.
 */
const CONSOLE_TEXT = /^O(?:[0-9a-f]{2})+$/i;

/** One question, one answer, and a machine that runs in between. */
export class RspSession {
  readonly #link: PacketLink;
  readonly #timeoutMs: number;
  #state: RspState = 'stopped';
  /** What is to be answered, in this order. */
  #pending: Pending[] = [];
  /** Questions are asked one after another; this settles with the last. */
  #queue: Promise<unknown> = Promise.resolve();
  #queued = 0;
  #stop: StopReply | undefined;
  /** Settles with the stop that ends the current run. */
  #run: MachineRun | undefined;
  #failure: Error | undefined;
  readonly closed: Promise<void>;
  #onClosed: () => void = () => {};

  constructor(
    stream: Duplex,
    timeoutMs: number,
    observe: ((direction: RspDirection, payload: string) => void) | undefined,
  ) {
    this.#timeoutMs = timeoutMs;
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
    this.#link = new PacketLink(stream, {
      onPacket: (payload) => this.#receive(payload.toString('latin1')),
      onEnd: (failure) => this.#ended(failure),
      observe,
    });
  }

  get state(): RspState {
    return this.#state;
  }

  get lastStop(): StopReply {
    if (this.#stop === undefined) throw new RspClosedError('the first stop reply');
    return this.#stop;
  }

  stopAcknowledging(): void {
    this.#link.stopAcknowledging();
  }

  close(): void {
    this.#link.close();
  }

  /** Asks and gives the answer as it is. @throws RspErrorReply, RspUnsupportedError; see RspClient. */
  async ask(packet: string, deadline = Deadline.in(this.#timeoutMs)): Promise<string> {
    return accepted(packet, await this.#exchange(packet, deadline, false));
  }

  /** Asks what is answered with OK. */
  async command(packet: string, deadline?: Deadline): Promise<void> {
    const reply = await this.ask(packet, deadline);
    if (reply !== 'OK')
      throw new RspProtocolError(`${packet.slice(0, 60)} is answered with`, reply.slice(0, 80));
  }

  /** `?`, once, when connecting. */
  async askWhyStopped(deadline: Deadline): Promise<void> {
    await this.#exchange('?', deadline, true);
  }

  /** Sends `c` or `s`. */
  resume(packet: 'c' | 's'): void {
    this.#checkIdle(packet);
    this.#begin();
    this.#link.send(packet);
  }

  /**
   * Asks several things in one write, and has the machine run as soon as all are answered: QEMU reads the last packet while
   * the machine is still stopped. Text for the console stands before its answer, decoded.
   */
  async askTogether(
    packets: readonly string[],
    then?: 'c' | 's',
    deadline = Deadline.in(this.#timeoutMs),
  ): Promise<string[]> {
    const shown = packets.join(' ').slice(0, 60);
    this.#checkIdle(shown);
    const replies = packets.map((packet) => {
      const console: string[] = [];
      const reply = this.#awaitReply(packet, false, console);
      return reply.then((answer) => textOf(console) + answer);
    });
    if (then) this.#begin();
    this.#link.sendTogether([...packets, ...(then ? [then] : [])]);
    return this.#replied(Promise.all(replies), shown, deadline);
  }

  interrupt(): void {
    if (this.#state === 'closed') throw this.#whyEnded('an interrupt');
    // One that has just stopped: QEMU would ignore the byte, and another machine's stub need not.
    if (this.#state === 'running') this.#link.sendInterrupt();
    else if (this.#run === undefined)
      throw new RspStateError('interrupt', this.#state, 'it was never let run');
  }

  async waitForStop(deadline: Deadline): Promise<StopReply> {
    if (this.#run === undefined) throw new RspStateError('waitForStop', this.#state, 'it was never let run');
    return deadline.wait(this.#run.stopped, 'the machine to stop');
  }

  #checkIdle(packet: string): void {
    this.#checkStopped(packet);
    if (this.#queued > 0) throw new RspStateError(packet, this.#state, 'wait for the command under way');
  }

  #begin(): void {
    this.#run = new MachineRun();
    this.#state = 'running';
  }

  #checkStopped(packet: string): void {
    if (this.#state === 'closed') throw this.#whyEnded(`${packet.slice(0, 60)} could be sent`);
    if (this.#state === 'running')
      throw new RspStateError(packet.slice(0, 60), this.#state, 'interrupt it, and wait until it stops');
  }

  async #exchange(packet: string, deadline: Deadline, wantsStop: boolean): Promise<string> {
    this.#checkStopped(packet);
    this.#queued++;
    const turn = this.#queue.then(() => this.#exchangeNow(packet, deadline, wantsStop));
    this.#queue = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#queued--;
    }
  }

  async #exchangeNow(packet: string, deadline: Deadline, wantsStop: boolean): Promise<string> {
    this.#checkStopped(packet);
    const reply = this.#awaitReply(packet, wantsStop);
    this.#link.send(packet);
    return this.#replied(reply, packet, deadline);
  }

  #awaitReply(packet: string, wantsStop: boolean, console?: string[]): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      this.#pending.push({ packet, wantsStop, ...(console ? { console } : {}), resolve, reject });
    });
  }

  async #replied<T>(reply: Promise<T>, packet: string, deadline: Deadline): Promise<T> {
    try {
      return await deadline.wait(reply, `the GDB stub's reply to ${packet.slice(0, 60)}`);
    } catch (error) {
      // A late reply could not be told from the next one.
      this.#link.close(error as Error);
      throw error;
    }
  }

  #receive(payload: string): void {
    const stop = parseStopReply(payload);
    if (stop) this.#stop = stop;
    // One that was asked for together with `s` or `c` comes before the stop.
    if (this.#state === 'running' && this.#pending.length === 0) {
      if (stop) {
        this.#state = 'stopped';
        this.#run?.stop(stop);
      } else if (!CONSOLE_TEXT.test(payload))
        this.#link.close(new RspProtocolError('no stop reply', payload.slice(0, 80)));
      return;
    }
    const [pending] = this.#pending;
    if (pending?.console && CONSOLE_TEXT.test(payload)) pending.console.push(payload.slice(1));
    else if (pending && (stop === undefined) === !pending.wantsStop) {
      this.#pending.shift();
      pending.resolve(payload);
    }
    // A machine that is let run and stopped over QMP tells so, too: that answers no question.
    else if (!stop)
      this.#link.close(new RspProtocolError('a reply to nothing that was asked', payload.slice(0, 80)));
  }

  #ended(failure: Error | undefined): void {
    this.#failure = failure;
    this.#state = 'closed';
    this.#run?.fail(this.#whyEnded('the machine stopped'));
    for (const { packet, reject } of this.#pending.splice(0))
      reject(this.#whyEnded(`the reply to ${packet.slice(0, 60)}`));
    this.#onClosed();
  }

  #whyEnded(awaited: string): Error {
    if (this.#failure instanceof RspProtocolError) return this.#failure;
    return new RspClosedError(awaited, this.#failure === undefined ? {} : { cause: this.#failure });
  }
}

/** @throws RspErrorReply, RspUnsupportedError */
export function accepted(packet: string, reply: string): string {
  const shown = packet.slice(0, 60);
  if (/^E[0-9a-f]{2}$/i.test(reply)) throw new RspErrorReply(shown, reply);
  if (reply === '') throw new RspUnsupportedError(shown);
  return reply;
}

/** Of pieces of text for the console. */
function textOf(pieces: readonly string[]): string {
  return Buffer.from(pieces.join(''), 'hex').toString();
}
