import {
  type CommandEnd,
  CommandFailedError,
  CommandMissingError,
  CommandOutputError,
  commandLine,
} from './errors.ts';
import { signalGroup } from './live-groups.ts';
import { OutputLog, OutputTail } from './output-log.ts';
import { type ProcessExit, type SpawnedGroup, canStart, spawnGroup } from './spawn-group.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the inherited environment; a variable set to undefined is taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Output and errors are appended here as they arrive. The folder must exist. */
  readonly logPath?: string;
  /** Default: no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Given on standard input, which is otherwise closed. */
  readonly input?: string | Uint8Array;
  /** What is kept of each stream: by default the last 256 KiB with a log; without one, 64 MiB, and more is an error. */
  readonly keepBytes?: number;
  /** The Debian package that has the program, for the error that says it is missing. */
  readonly package?: string;
}

export interface RunResult {
  /** As printed (UTF-8), with its last newline; with a log only the last `keepBytes`. */
  readonly stdout: string;
  readonly stderr: string;
}

const KIB = 1024;
const KEEP_WITH_LOG_BYTES = 256 * KIB;
const KEEP_WITHOUT_LOG_BYTES = 64 * KIB * KIB;
const LOG_LIMIT_BYTES = 256 * KIB * KIB;
const TAIL_LINES = 20;

/** Why a run was ended from our side, if it was. */
type Cut = 'none' | 'timeout' | 'abort' | 'output' | 'log';

/** What was heard of a running command. */
interface Heard {
  readonly stdout: OutputTail;
  readonly stderr: OutputTail;
  /** Both streams as they came, for the last lines in an error. */
  readonly mixed: OutputTail;
  readonly log: OutputLog | undefined;
}

/**
 * Runs a tool to its end, in its own process group; at a timeout or an abort the whole group is killed.
 * @throws CommandFailedError on any end but exit code 0, CommandMissingError, WorkingFolderMissingError,
 *   CommandOutputError; the signal's reason where it was aborted before the start.
 */
export async function run(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const keepBytes =
    options.keepBytes ?? (options.logPath === undefined ? KEEP_WITHOUT_LOG_BYTES : KEEP_WITH_LOG_BYTES);
  const heard: Heard = {
    stdout: new OutputTail(keepBytes),
    stderr: new OutputTail(keepBytes),
    mixed: new OutputTail(16 * KIB),
    log: options.logPath === undefined ? undefined : new OutputLog(options.logPath, LOG_LIMIT_BYTES),
  };
  try {
    const child = await start(file, args, options);
    const { exit, cut } = await listen(child, heard, options);
    await check(exit, cut, heard, { file, args, options });
    return { stdout: heard.stdout.text(), stderr: heard.stderr.text() };
  } finally {
    heard.log?.close();
  }
}

async function start(file: string, args: readonly string[], options: RunOptions): Promise<SpawnedGroup> {
  const child = await spawnGroup(file, args, {
    ...options,
    stdin: options.input === undefined ? 'closed' : 'pipe',
    stdout: 'pipe',
    dieWithParent: true,
  });
  // A program that does not read all of its input closes it (EPIPE); its exit code says whether that was an error.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  return child;
}

async function listen(
  child: SpawnedGroup,
  heard: Heard,
  options: RunOptions,
): Promise<{ readonly exit: ProcessExit; readonly cut: Cut }> {
  let cut: Cut = 'none';
  const end = (why: Cut): void => {
    if (cut === 'none') cut = why;
    signalGroup(child.pid, 'SIGKILL');
  };
  const hear = (tail: OutputTail) => (chunk: Buffer) => {
    tail.add(chunk);
    heard.mixed.add(chunk);
    heard.log?.add(chunk);
    if (heard.log?.failure !== undefined) end('log');
    if (heard.log === undefined && tail.totalBytes > tail.limitBytes) end('output');
  };
  child.stdout?.on('data', hear(heard.stdout));
  child.stderr.on('data', hear(heard.stderr));
  const onAbort = (): void => end('abort');
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) end('abort');
  const timer =
    options.timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), options.timeoutMs);
  try {
    return { exit: await child.exited, cut };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

async function check(
  exit: ProcessExit,
  cut: Cut,
  heard: Heard,
  call: { readonly file: string; readonly args: readonly string[]; readonly options: RunOptions },
): Promise<void> {
  const { file, options } = call;
  const command = commandLine(file, call.args);
  if (cut === 'output') throw new CommandOutputError(command, heard.stdout.limitBytes);
  if (exit.kind === 'exit' && exit.code === 0 && cut === 'none') return;
  if (exit.kind === 'exit' && exit.code === 127 && !(await canStart(file, options)))
    throw new CommandMissingError(file, options.package);
  const end: CommandEnd = {
    command,
    ...(exit.kind === 'exit' ? { exitCode: exit.code } : { signal: exit.signal }),
    timedOut: cut === 'timeout',
    tail: heard.mixed.lines(TAIL_LINES),
    ...(options.logPath === undefined ? {} : { logPath: options.logPath }),
  };
  if (cut === 'log')
    throw new CommandFailedError(end, {
      ending: 'ended, as its log can not be kept',
      cause: heard.log?.failure,
    });
  if (cut === 'abort')
    throw new CommandFailedError(end, { ending: 'aborted', cause: options.signal?.reason });
  throw new CommandFailedError(end);
}
