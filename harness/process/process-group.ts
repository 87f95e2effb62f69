import { CommandMissingError } from './errors.ts';
import { signalGroup } from './live-groups.ts';
import { OutputLog, OutputTail } from './output-log.ts';
import { type ProcessExit, type SpawnedGroup, canStart, spawnGroup } from './spawn-group.ts';

export interface LaunchOptions {
  readonly cwd?: string;
  /** Added to the inherited environment; a variable set to undefined is taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Standard output is appended here; without it, it is dropped. */
  readonly stdoutPath?: string;
  /** Standard error is appended here as it arrives. The folder must exist. */
  readonly stderrPath: string;
  /** An open file of ours that the child gets as its standard input; without it, standard input is closed. */
  readonly stdinFd?: number;
  /** Default true: the kernel kills the child when the harness dies without a word. */
  readonly dieWithParent?: boolean;
  /** The Debian package that has the program, for the error that says it is missing. */
  readonly package?: string;
}

const KIB = 1024;
const TAIL_BYTES = 16 * KIB;
const LOG_LIMIT_BYTES = 8 * KIB * KIB;
const DISPOSE_GRACE_MS = 2000;

type GroupState = 'running' | 'terminating' | 'exited';

/** A long-lived child with its process group; disposing it ends the group. */
export class ProcessGroup implements AsyncDisposable {
  readonly #child: SpawnedGroup;
  readonly #stderr: OutputTail;
  readonly #logs: readonly OutputLog[];
  #state: GroupState = 'running';
  /** How the leader ended; settles once its output has been read and logged. Never rejects. */
  readonly exited: Promise<ProcessExit>;

  /** Made by {@link launchGroup}. */
  constructor(child: SpawnedGroup, logs: { readonly stdout?: OutputLog; readonly stderr: OutputLog }) {
    this.#child = child;
    this.#stderr = new OutputTail(TAIL_BYTES);
    this.#logs = logs.stdout === undefined ? [logs.stderr] : [logs.stdout, logs.stderr];
    child.stdout?.on('data', (chunk: Buffer) => logs.stdout?.add(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      logs.stderr.add(chunk);
      this.#stderr.add(chunk);
    });
    this.exited = child.exited.then((exit) => {
      this.#state = 'exited';
      // What a process outside the group still says after the end is not ours to log.
      child.stdout?.removeAllListeners('data');
      child.stderr.removeAllListeners('data');
      for (const log of this.#logs) log.close();
      return exit;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get state(): GroupState {
    return this.#state;
  }

  /** The last 16 KiB of standard error, and a note where its log could not be written. */
  stderrTail(): string {
    const failures = this.#logs.flatMap((log) =>
      log.failure === undefined ? [] : [`[${log.failure.message}]`],
    );
    return [this.#stderr.text(), ...failures].join('\n').trimEnd();
  }

  /** SIGTERM to the group, then SIGKILL when `graceMs` have passed. Ending what has ended is no error. */
  async terminate({ graceMs }: { readonly graceMs: number }): Promise<ProcessExit> {
    if (this.#state === 'running') {
      this.#state = 'terminating';
      signalGroup(this.pid, 'SIGTERM');
    }
    const timer = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate({ graceMs: DISPOSE_GRACE_MS });
  }
}

/**
 * Starts a long-lived program in its own process group.
 * @throws CommandMissingError, WorkingFolderMissingError, or the file system's error where a log can not be opened.
 */
export async function launchGroup(
  file: string,
  args: readonly string[],
  options: LaunchOptions,
): Promise<ProcessGroup> {
  // Asked first: setpriv reports a missing program by an exit code, long after the spawn has succeeded.
  if (!(await canStart(file, options))) throw new CommandMissingError(file, options.package);
  const stderr = new OutputLog(options.stderrPath, LOG_LIMIT_BYTES);
  let stdout: OutputLog | undefined;
  try {
    if (options.stdoutPath !== undefined) stdout = new OutputLog(options.stdoutPath, LOG_LIMIT_BYTES);
    const child = await spawnGroup(file, args, {
      ...options,
      stdin: options.stdinFd ?? 'closed',
      stdout: stdout === undefined ? 'dropped' : 'pipe',
      dieWithParent: options.dieWithParent ?? true,
    });
    return new ProcessGroup(child, { stderr, ...(stdout === undefined ? {} : { stdout }) });
  } catch (error) {
    stderr.close();
    stdout?.close();
    throw error;
  }
}
