import type { Duplex } from 'node:stream';
import { Deadline, DeadlineError } from '../lifetime/deadline.ts';
import { QmpClosedError, QmpCommandError, QmpNegotiationError, QmpProtocolError } from './errors.ts';
import { EventHistory, type QmpEvent, type QmpEventListener, type QmpEventMatch } from './event-history.ts';
import { LineSplitter, LineTooLongError } from './line-splitter.ts';
import { type QmpGreeting, type QmpMessage, encodeCommand, parseMessage } from './messages.ts';

export type QmpDirection = 'send' | 'receive';

export interface QmpConnectOptions {
  /** For the greeting and the negotiation together. */
  readonly deadline: Deadline;
  /** Hears each line of the protocol, for the log. */
  readonly onLine?: (direction: QmpDirection, text: string) => void;
  /** Default 16 MiB. */
  readonly maxLineBytes?: number;
}

/** `greeting`: the server speaks first; `negotiating`: only qmp_capabilities is allowed; then commands. */
type QmpState = 'greeting' | 'negotiating' | 'running' | 'closed';

interface PendingCommand {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const EXECUTE_TIMEOUT_MS = 10_000;

/**
 * A client of the QEMU Machine Protocol (docs/interop/qmp-spec in QEMU's sources). It owns the stream it is given;
 * whoever made the stream knows what is on its other end.
 */
export class QmpClient implements AsyncDisposable {
  readonly #stream: Duplex;
  readonly #onLine: QmpConnectOptions['onLine'];
  readonly #splitter: LineSplitter;
  readonly #history = new EventHistory();
  readonly #pending = new Map<string, PendingCommand>();
  #state: QmpState = 'greeting';
  #issued = 0;
  #failure: Error | undefined;
  #greeting: QmpGreeting | undefined;
  readonly #greeted: Promise<void>;
  #onGreeted: () => void = () => {};
  /** Settles when the connection has ended, for whatever reason; never rejects. */
  readonly closed: Promise<void>;
  #onClosed: () => void = () => {};

  private constructor(stream: Duplex, options: QmpConnectOptions) {
    this.#stream = stream;
    this.#onLine = options.onLine;
    this.#splitter = new LineSplitter(options.maxLineBytes ?? MAX_LINE_BYTES);
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
    this.#greeted = new Promise((resolve) => (this.#onGreeted = resolve));
    stream.on('data', (chunk: Buffer) => this.#feed(chunk));
    stream.on('error', (error) => this.#end(error));
    stream.on('end', () => this.#end(this.#halfLine()));
    stream.on('close', () => this.#end());
  }

  /**
   * Waits for the greeting and leaves capabilities negotiation; on failure the stream is destroyed.
   * @throws QmpNegotiationError where nobody greets (its cause tells why), QmpProtocolError on garbage.
   */
  static async connect(stream: Duplex, options: QmpConnectOptions): Promise<QmpClient> {
    const client = new QmpClient(stream, options);
    try {
      await client.#negotiate(options.deadline);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  get state(): QmpState {
    return this.#state;
  }

  /** What QEMU said of itself. */
  get greeting(): QmpGreeting {
    if (this.#greeting === undefined) throw new QmpClosedError('the greeting');
    return this.#greeting;
  }

  /** The last 1,000 events, oldest first. */
  get events(): readonly QmpEvent[] {
    return this.#history.events;
  }

  /** The sequence number of the last event, to wait for a later one; 0 before the first. */
  get lastEventSequence(): number {
    return this.#history.sequence;
  }

  /**
   * Runs a command; several may be under way, replies are matched by id.
   * @returns the command's `return` value, as the QMP reference describes it.
   * @throws QmpCommandError where QEMU refuses; DeadlineError (default 10 s); QmpClosedError; QmpProtocolError.
   */
  async execute(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    { timeoutMs = EXECUTE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
  ): Promise<unknown> {
    if (this.#state !== 'running') throw this.#ended(`${command} could be sent`);
    return this.#request(command, args, Deadline.in(timeoutMs));
  }

  /** @returns how to stop listening. */
  onEvent(listener: QmpEventListener): () => void {
    return this.#history.listen(listener);
  }

  /**
   * The first event that matches, of those that came already (later than `after`) and those to come.
   * @throws DeadlineError naming the last event seen; QmpClosedError; QmpProtocolError.
   */
  async waitForEvent(
    match: QmpEventMatch,
    deadline: Deadline,
    { after = 0 }: { readonly after?: number } = {},
  ): Promise<QmpEvent> {
    const what = typeof match === 'string' ? `event ${match}` : 'the awaited event';
    return this.#history.wait(match, deadline, after, () => this.#whenClosed(what));
  }

  /** Ends the connection; the machine is not touched. */
  close(): void {
    this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  async #negotiate(deadline: Deadline): Promise<void> {
    try {
      const greeted = Promise.race([this.#greeted, this.#whenClosed('the greeting')]);
      await deadline.wait(greeted, 'the QMP greeting', () => this.#splitter.unfinished);
      await this.#request('qmp_capabilities', undefined, deadline);
    } catch (error) {
      const refused = error instanceof QmpCommandError || error instanceof QmpClosedError;
      if (refused || error instanceof DeadlineError)
        throw new QmpNegotiationError(error.message, { cause: error });
      throw error;
    }
    this.#leaveNegotiation();
  }

  #leaveNegotiation(): void {
    // The connection may have ended since the reply came.
    if (this.#state !== 'negotiating') throw this.#ended('the negotiation');
    this.#state = 'running';
  }

  async #request(
    command: string,
    args: Readonly<Record<string, unknown>> | undefined,
    deadline: Deadline,
  ): Promise<unknown> {
    // Short: QEMU reads a command one byte after the other, each with a dozen system calls (chardev/char.c, monitor).
    const id = String(++this.#issued);
    const line = encodeCommand(command, args, id);
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { command, resolve, reject });
    });
    try {
      this.#onLine?.('send', line);
      this.#stream.write(`${line}\n`);
      return await deadline.wait(reply, `the reply to QMP ${command}`);
    } finally {
      this.#pending.delete(id);
    }
  }

  #feed(chunk: Buffer): void {
    try {
      for (const line of this.#splitter.feed(chunk)) {
        if (this.#state === 'closed') return;
        this.#onLine?.('receive', line);
        if (line.trim() !== '') this.#receive(parseMessage(line));
      }
    } catch (error) {
      const tooLong = error instanceof LineTooLongError;
      this.#end(tooLong ? new QmpProtocolError(error.message, error.start) : (error as Error));
    }
  }

  #receive(message: QmpMessage): void {
    if (this.#state === 'greeting') {
      if (message.kind !== 'greeting')
        throw new QmpProtocolError(`a message of kind ${message.kind} before the greeting`);
      this.#greeting = message.greeting;
      this.#state = 'negotiating';
      this.#onGreeted();
      return;
    }
    if (message.kind === 'greeting') throw new QmpProtocolError('a second greeting');
    if (message.kind === 'event') {
      const { name, data, timeMs } = message;
      this.#history.add({ name, data, timeMs });
      return;
    }
    this.#settle(message);
  }

  #settle(reply: Extract<QmpMessage, { kind: 'return' | 'error' }>): void {
    const number = Number(/^(\d+)$/.exec(reply.id ?? '')?.[1]);
    if (!(number >= 1 && number <= this.#issued))
      throw new QmpProtocolError(
        reply.kind === 'error'
          ? `QEMU could not read a command: ${reply.error.desc} (${reply.error.class})`
          : 'a reply to nothing that was asked',
        reply.id,
      );
    // Nobody waits any more for the reply to a command whose time was up.
    const pending = this.#pending.get(reply.id ?? '');
    if (reply.kind === 'return') pending?.resolve(reply.value);
    else pending?.reject(new QmpCommandError(pending.command, reply.error));
  }

  #end(failure?: Error): void {
    if (this.#state === 'closed') return;
    this.#failure = failure;
    this.#state = 'closed';
    this.#stream.destroy();
    for (const { command, reject } of this.#pending.values()) reject(this.#ended(`the reply to ${command}`));
    this.#onClosed();
  }

  #halfLine(): Error | undefined {
    const { unfinished } = this.#splitter;
    return unfinished === '' ? undefined : new QmpProtocolError('half a line at the end', unfinished);
  }

  /** Why nothing more can come: what broke the protocol, or else the end of the connection. */
  #ended(awaited: string): Error {
    if (this.#failure instanceof QmpProtocolError) return this.#failure;
    return new QmpClosedError(awaited, this.#failure === undefined ? {} : { cause: this.#failure });
  }

  async #whenClosed(awaited: string): Promise<never> {
    await this.closed;
    throw this.#ended(awaited);
  }
}
