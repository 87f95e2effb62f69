import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LockError } from './errors.ts';
import { signalGroup } from './live-groups.ts';
import { OutputTail } from './output-log.ts';
import { type ProcessExit, type SpawnedGroup, spawnGroup } from './spawn-group.ts';

export interface LockOptions {
  /** Called once when somebody else holds the lock, before waiting for it. */
  readonly onWait?: () => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** flock's exit code when the lock is held and it was told not to wait (`-E`; a number it does not use itself). */
const HELD_EXIT_CODE = 75;
const LOCKED = 'locked\n';

/**
 * Takes an exclusive flock(2) on `path`, made with its folder where missing, and holds it until disposed.
 *
 * The holder is a child (`flock --no-fork`, util-linux; Node has no flock of its own) that reads from our pipe and
 * ends when it closes: however the harness dies, the kernel releases the lock. The file stays: removing it would let
 * two harnesses lock two files of one name.
 * @throws LockError, CommandMissingError; the signal's reason when aborted.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<AsyncDisposable> {
  options.signal?.throwIfAborted();
  await mkdir(dirname(path), { recursive: true });
  const free = await tryLock(path, ['--nonblock', '--conflict-exit-code', String(HELD_EXIT_CODE)], options);
  if (free !== 'held') return free;
  options.onWait?.();
  const waited = await tryLock(path, [], options);
  if (waited === 'held') throw new LockError(path, 'flock gave up waiting, which it was not told to');
  return waited;
}

/** Runs `task` while holding the lock on `path`. @throws what {@link acquireLock} and the task throw. */
export async function withLock<T>(
  path: string,
  task: () => Promise<T> | T,
  options: LockOptions = {},
): Promise<T> {
  await using _lock = await acquireLock(path, options);
  return await task();
}

async function tryLock(
  path: string,
  flags: readonly string[],
  { signal }: LockOptions,
): Promise<AsyncDisposable | 'held'> {
  const command = ['sh', '-c', `echo ${LOCKED.trim()}; exec cat >/dev/null`];
  const child = await spawnGroup('flock', ['--exclusive', '--no-fork', ...flags, path, ...command], {
    stdin: 'pipe',
    stdout: 'pipe',
    dieWithParent: true,
  });
  child.stdin?.on('error', () => {});
  const onAbort = (): void => signalGroup(child.pid, 'SIGKILL');
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  try {
    const errors = new OutputTail(4096);
    child.stderr.on('data', (chunk: Buffer) => errors.add(chunk));
    const outcome = await Promise.race([lockedBy(child), child.exited]);
    if (outcome === 'locked') return heldLock(child);
    signal?.throwIfAborted();
    if (outcome.kind === 'exit' && outcome.code === HELD_EXIT_CODE) return 'held';
    throw new LockError(path, errors.text().trim() || describe(outcome));
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function describe(exit: ProcessExit): string {
  return exit.kind === 'exit'
    ? `flock ended with exit code ${exit.code}`
    : `flock was ended by ${exit.signal}`;
}

function lockedBy(child: SpawnedGroup): Promise<'locked'> {
  const said = new OutputTail(LOCKED.length);
  return new Promise((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said.add(chunk);
      if (said.text() === LOCKED) resolve('locked');
    });
  });
}

function heldLock(child: SpawnedGroup): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      child.stdin?.end();
      await child.exited;
    },
  };
}
