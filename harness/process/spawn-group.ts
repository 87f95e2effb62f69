import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { CommandMissingError, WorkingFolderMissingError, commandLine } from './errors.ts';
import { endGroup, rememberGroup } from './live-groups.ts';

/** How a process ended. */
export type ProcessExit =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

export interface SpawnOptions {
  readonly cwd?: string;
  /** Added to the inherited environment; a variable set to undefined is taken out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A number: an open file of ours, which the child reads from where it stands. */
  readonly stdin: 'pipe' | 'closed' | number;
  readonly stdout: 'pipe' | 'dropped';
  /** Whether the child is killed by the kernel when the harness dies without a word (SIGKILL). */
  readonly dieWithParent: boolean;
}

export interface SpawnedGroup {
  /** The process, which is also its group. */
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable;
  /** Settles when the process has ended and its output has been read; never rejects. */
  readonly exited: Promise<ProcessExit>;
}

/** Output held open by a process that left the group (setsid) is not waited for beyond this. */
const DRAIN_MS = 500;

/**
 * Starts a child as the leader of its own process group: Ctrl-C in the terminal does not reach it, and what it
 * starts dies with it. execa's own clean-up is off, because it kills the child and not the group.
 *
 * `setpriv --pdeathsig KILL` (util-linux, prctl(2) PR_SET_PDEATHSIG) becomes the program by exec, so the pid stays.
 * @throws WorkingFolderMissingError, CommandMissingError (for setpriv, or for `file` where it is spawned directly)
 */
export async function spawnGroup(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<SpawnedGroup> {
  await checkWorkingFolder(file, args, options.cwd);
  const [program, programArgs] = options.dieWithParent
    ? ['setpriv', ['--pdeathsig', 'KILL', '--', file, ...args]]
    : [file, args];
  const child = execa(program, programArgs, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: stdinOption(options.stdin),
    stdout: options.stdout === 'pipe' ? 'pipe' : 'ignore',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
  });
  if (child.pid === undefined) throw spawnFailure(await child, program, options.dieWithParent);
  rememberGroup(child.pid);
  const streams = { stdin: child.stdin ?? undefined, stdout: child.stdout ?? undefined };
  return { pid: child.pid, ...streams, stderr: child.stderr, exited: exitOf(child, child.pid) };
}

/** The part of a child process that tells of its end. */
interface Ending {
  once(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** execa takes any file descriptor; its types know those up to 9. */
function stdinOption(stdin: SpawnOptions['stdin']): 'pipe' | 'ignore' | 3 {
  if (typeof stdin === 'number') return stdin as 3;
  return stdin === 'closed' ? 'ignore' : stdin;
}

function exitOf(child: Ending, pid: number): Promise<ProcessExit> {
  const closed = new Promise<void>((resolve) => child.once('close', resolve));
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      // In the exit event itself: the number can not have been given to a stranger yet.
      endGroup(pid);
      const exit: ProcessExit =
        signal === null ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal };
      void Promise.race([closed, drainTime()]).then(() => resolve(exit));
    });
  });
}

/** Time for the last output to be read. The turns at its end are for a loop that was busy through all of it. */
async function drainTime(): Promise<void> {
  await sleep(DRAIN_MS, undefined, { ref: false });
  for (let turn = 0; turn < 4; turn++) await nextTurn();
}

async function checkWorkingFolder(file: string, args: readonly string[], cwd?: string): Promise<void> {
  if (cwd === undefined) return;
  const found = await stat(cwd).catch(() => undefined);
  if (!found?.isDirectory()) throw new WorkingFolderMissingError(cwd, commandLine(file, args));
}

function spawnFailure(
  result: { readonly code?: string | undefined; readonly message?: string | undefined },
  program: string,
  wrapped: boolean,
): Error {
  if (result.code === 'ENOENT') return new CommandMissingError(program, wrapped ? 'util-linux' : undefined);
  return new Error(`${program} can not be started: ${result.message ?? result.code ?? 'unknown reason'}`);
}

/**
 * Whether `file` can be started: a path is looked at, a name is asked of the shell with the same folder and environment
 * (POSIX `command -v`), which costs a process. setpriv says 127 both for its own missing program and for a program that
 * itself ended with 127.
 */
export async function canStart(file: string, options: Pick<SpawnOptions, 'cwd' | 'env'>): Promise<boolean> {
  if (file.includes('/')) return isProgram(resolve(options.cwd ?? '', file));
  const { exitCode } = await execa('sh', ['-c', 'command -v -- "$0"', file], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    reject: false,
  });
  return exitCode === 0;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
