import type { Duplex } from 'node:stream';
import { Deadline } from '../lifetime/deadline.ts';
import {
  RspClosedError,
  RspErrorReply,
  RspProtocolError,
  RspStateError,
  RspUnsupportedError,
} from './errors.ts';
import { PacketLink, type RspDirection } from './packet-link.ts';
import { type StopReply, parseStopReply } from './stop-reply.ts';

/** `stopped`: commands are answered; `running`: only an interrupt may be sent, and a stop reply comes; `closed`. */
export type RspState = 'stopped' | 'running' | 'closed';

interface Pending {
  readonly packet: string;
  /** Whether the answer is a stop reply. */
  readonly wantsStop: boolean;
  readonly resolve: (payload: string) => void;
  readonly reject: (error: Error) => void;
}

interface Run {
  /** Rejects where the connection ends before. */
  readonly stopped: Promise<StopReply>;
  readonly settle: (stop: StopReply) => void;
  readonly fail: (error: Error) => void;
}

/** Text for the debugger's console, which may come while the machine runs ("Stop Reply Packets"); QEMU sends none. */
const CONSOLE_TEXT = /^O(?:[0-9a-f]{2})+$/i;

/** One question, one answer, and a machine that runs in between. */
export class RspSession {
  readonly #link: PacketLink;
  readonly #timeoutMs: number;
  #state: RspState = 'stopped';
  #pending: Pending | undefined;
  /** Questions are asked one after another; this settles with the last. */
  #queue: Promise<unknown> = Promise.resolve();
  #queued = 0;
  #stop: StopReply | undefined;
  /** Settles with the stop that ends the current run. */
  #run: Run | undefined;
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
    const reply = await this.#exchange(packet, deadline, false);
    const shown = packet.slice(0, 60);
    if (/^E[0-9a-f]{2}$/i.test(reply)) throw new RspErrorReply(shown, reply);
    if (reply === '') throw new RspUnsupportedError(shown);
    return reply;
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
   * Asks, and has the machine run as soon as that is answered, in one write: QEMU reads the second packet while the machine
   * is still stopped.
   */
  async askAndResume(
    packet: string,
    then: 'c' | 's',
    deadline = Deadline.in(this.#timeoutMs),
  ): Promise<string> {
    this.#checkIdle(packet);
    const reply = this.#awaitReply(packet, false);
    this.#begin();
    this.#link.sendBoth(packet, then);
    return this.#replied(reply, packet, deadline);
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
    let settle: Run['settle'] = () => {};
    let fail: Run['fail'] = () => {};
    const stopped = new Promise<StopReply>((resolve, reject) => ([settle, fail] = [resolve, reject]));
    // Whoever waits is told; nobody need wait.
    stopped.catch(() => undefined);
    this.#run = { stopped, settle, fail };
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

  #awaitReply(packet: string, wantsStop: boolean): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      this.#pending = { packet, wantsStop, resolve, reject };
    });
  }

  async #replied(reply: Promise<string>, packet: string, deadline: Deadline): Promise<string> {
    try {
      return await deadline.wait(reply, `the GDB stub's reply to ${packet.slice(0, 60)}`);
    } catch (error) {
      // A late reply could not be told from the next one.
      this.#link.close(error as Error);
      throw error;
    } finally {
      this.#pending = undefined;
    }
  }

  #receive(payload: string): void {
    const stop = parseStopReply(payload);
    if (stop) this.#stop = stop;
    // One that was asked for together with `s` or `c` comes before the stop.
    if (this.#state === 'running' && this.#pending === undefined) {
      if (stop) this.#stopped(stop);
      else if (!CONSOLE_TEXT.test(payload))
        this.#link.close(new RspProtocolError('no stop reply', payload.slice(0, 80)));
      return;
    }
    const pending = this.#pending;
    if (pending && (stop === undefined) === !pending.wantsStop) {
      this.#pending = undefined;
      pending.resolve(payload);
    }
    // A machine that is let run and stopped over QMP tells so, too: that answers no question.
    else if (!stop)
      this.#link.close(new RspProtocolError('a reply to nothing that was asked', payload.slice(0, 80)));
  }

  #stopped(stop: StopReply): void {
    this.#state = 'stopped';
    this.#run?.settle(stop);
  }

  #ended(failure: Error | undefined): void {
    this.#failure = failure;
    this.#state = 'closed';
    this.#run?.fail(this.#whyEnded('the machine stopped'));
    this.#pending?.reject(this.#whyEnded(`the reply to ${this.#pending.packet.slice(0, 60)}`));
    this.#onClosed();
  }

  #whyEnded(awaited: string): Error {
    if (this.#failure instanceof RspProtocolError) return this.#failure;
    return new RspClosedError(awaited, this.#failure === undefined ? {} : { cause: this.#failure });
  }
}
