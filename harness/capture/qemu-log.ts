/**
 * QEMU's own log as a named pipe that the harness reads while the machine runs. A pipe and not a file: QEMU waits for the
 * reader instead of filling a disk. What is logged is switched over the human monitor, through the stub; where, `-dfilter` says at start.
 * Source: QEMU 7.2 util/log.c; monitor/misc.c (`logfile`, `log`, `singlestep`); 8.1 renamed the last to `one-insn-per-tb`.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Deadline } from '../lifetime/deadline.ts';
import { Releases } from '../lifetime/releases.ts';
import { makeFifo } from '../process/system-calls.ts';
import type { Machine } from '../qemu/launch.ts';
import type { RspCommand } from '../rsp/command.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import { MonitorRefusalError, NoSinglestepError } from './errors.ts';
import { MARK } from './log-parser.ts';

/** Either spelling, newest QEMU first. */
const SINGLESTEP = ['one-insn-per-tb', 'singlestep'] as const;

/** Resets are told in every state: they cost nothing and end a capture. */
const ALWAYS = 'cpu_reset';

/**
 * `states`: the CPU before each instruction; each is then a block of its own, so that chaining, which would hide blocks,
 * needs no ban. `blocks`: where each block that is executed begins.
 */
export type LogSubject = 'states' | 'blocks';

const ITEMS: Readonly<Record<LogSubject, string>> = { states: 'cpu', blocks: 'exec,nochain' };

export interface LogReader {
  feed(chunk: Buffer): void;
}

export interface QemuLogOptions {
  readonly subject: LogSubject;
  /** Makes the reader of the text; it tells each mark it reads. */
  readonly reader: (onMark: (text: string) => void) => LogReader;
  readonly deadline: Deadline;
}

export class QemuLog implements AsyncDisposable {
  readonly #rsp: RspClient;
  readonly #options: QemuLogOptions;
  readonly #releases: Releases;
  #stream: Socket | undefined;
  #writeEnd = -1;
  #singlestep = '';
  #state: 'on' | 'rests' | 'off' = 'off';
  #marks = 0;
  /** Settles when the mark that was last written has been read. */
  #marked: { readonly text: string; readonly resolve: () => void } | undefined;
  #fail: (error: Error) => void = () => undefined;
  /** Rejects where what was read is no log. */
  readonly failed: Promise<never>;

  private constructor(rsp: RspClient, options: QemuLogOptions, releases: Releases) {
    this.#rsp = rsp;
    this.#options = options;
    this.#releases = releases;
    this.failed = new Promise((_resolve, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined);
  }

  /**
   * The pipe is there and QEMU writes to it; nothing is logged yet. The machine is stopped.
   * @throws NoSinglestepError, MonitorRefusalError, SystemCallError
   */
  static async open(
    { folder }: Pick<Machine, 'folder'>,
    rsp: RspClient,
    options: QemuLogOptions,
  ): Promise<QemuLog> {
    const log = new QemuLog(rsp, options, new Releases());
    try {
      const path = join(folder, 'log');
      await makeFifo(path);
      log.#read(path);
      log.#singlestep = await log.#findSinglestep();
      await log.#ask(`logfile ${path}`);
      return log;
    } catch (error) {
      await log[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Commands after which it logs from the next instruction on. The machine is stopped, and the caller has them run. */
  on(): RspCommand[] {
    const { subject } = this.#options;
    const commands = this.#state === 'off' ? [monitor(`log ${ITEMS[subject]},${ALWAYS}`)] : [];
    if (this.#state !== 'on' && subject === 'states') commands.push(monitor(`${this.#singlestep} on`));
    this.#state = 'on';
    return commands;
  }

  /**
   * Commands after which the machine runs nearly at full speed outside the log's ranges. What was logged may not have been
   * read: {@link drain}. What is logged from then on are blocks of any length. The machine is stopped.
   */
  rest(): RspCommand[] {
    const { subject } = this.#options;
    const commands = this.#state === 'on' && subject === 'states' ? [monitor(`${this.#singlestep} off`)] : [];
    if (this.#state === 'on') this.#state = 'rests';
    return commands;
  }

  /** Reads no more for now: QEMU waits when the pipe is full. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** Waits until all that QEMU has written so far is read. The machine is stopped. @throws LogFormatError, DeadlineError */
  async drain(): Promise<void> {
    const text = String(++this.#marks);
    const read = new Promise<void>((resolve) => (this.#marked = { text, resolve }));
    await this.#write(`${MARK}${text}\n`);
    await this.#options.deadline.wait(Promise.race([read, this.failed]), 'the end of QEMU’s log');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#releases[Symbol.asyncDispose]();
  }

  #read(path: string): void {
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    const stream = new Socket({
      fd: openSync(path, O_RDONLY | O_NONBLOCK),
      readable: true,
      writable: false,
    });
    this.#stream = stream;
    this.#releases.add('QEMU’s log', () => stream.destroy());
    // Held open: a pipe that nobody writes to looks as if it had ended.
    this.#writeEnd = openSync(path, O_WRONLY | O_NONBLOCK);
    this.#releases.add('the end of QEMU’s log', () => closeSync(this.#writeEnd));
    const reader = this.#options.reader((text) => this.#sawMark(text));
    stream.on('data', (chunk: Buffer) => {
      try {
        reader.feed(chunk);
      } catch (error) {
        this.#fail(error as Error);
        stream.destroy();
      }
    });
    stream.on('error', (error) => this.#fail(error));
  }

  #sawMark(text: string): void {
    if (this.#marked?.text === text) this.#marked.resolve();
  }

  /** A few bytes go into a pipe whole or not at all (pipe(7), O_NONBLOCK). */
  async #write(text: string): Promise<void> {
    while (!this.#options.deadline.expired) {
      try {
        writeSync(this.#writeEnd, text);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        await Promise.race([setImmediate(), this.failed]);
      }
    }
  }

  async #findSinglestep(): Promise<string> {
    for (const command of SINGLESTEP) {
      const help = await this.#rsp.monitor(`help ${command}`);
      if (help.startsWith(`${command} `)) return command;
    }
    throw new NoSinglestepError(SINGLESTEP);
  }

  async #ask(commandLine: string): Promise<void> {
    await tell(this.#rsp, [monitor(commandLine)]);
  }
}

/** Commands of which the monitor says nothing when it obeys. @throws MonitorRefusalError */
export async function tell(
  rsp: RspClient,
  commands: readonly RspCommand[],
  then?: 'continue',
): Promise<void> {
  const answers = await rsp.together(commands, then);
  for (const [index, command] of commands.entries()) requireSilence(command, answers[index]!);
}

/** The monitor's answer to a question, with commands of which it says nothing. @throws MonitorRefusalError */
export async function askAndTell(
  rsp: RspClient,
  question: string,
  commands: readonly RspCommand[],
): Promise<string> {
  const [answer, ...others] = await rsp.together([monitor(question), ...commands]);
  for (const [index, command] of commands.entries()) requireSilence(command, others[index]!);
  return answer!;
}

function requireSilence(command: RspCommand, answer: string): void {
  if (command.kind === 'monitor' && answer.trim() !== '')
    throw new MonitorRefusalError(command.commandLine, answer.trim());
}

function monitor(commandLine: string): RspCommand {
  return { kind: 'monitor', commandLine };
}
