import { lstat, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tmp from 'tmp-promise';
import { writeError } from './folder-errors.ts';

/** sockaddr_un.sun_path holds 108 bytes with its NUL (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;
const PREFIX = 'loadbase-';
const OWNER_FILE = 'owner';

/** The socket's path is longer than the kernel takes. */
export class SocketPathTooLongError extends Error {
  override readonly name = 'SocketPathTooLongError';
  constructor(readonly path: string) {
    super(
      `a UNIX socket's path holds ${MAX_SOCKET_PATH_BYTES} bytes, ${path} has ${Buffer.byteLength(path)}; ` +
        'set TMPDIR to a shorter folder',
    );
  }
}

/** A private folder with a short path, for the sockets of one machine; disposing it removes it. */
export class SocketFolder implements AsyncDisposable {
  constructor(readonly path: string) {}

  /** Where the socket `name` goes. @throws SocketPathTooLongError */
  socketPath(name: string): string {
    const path = join(this.path, name);
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) throw new SocketPathTooLongError(path);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Who made a socket folder. A process number alone comes round again, and means nothing in another container. */
interface Owner {
  readonly pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/<pid>/stat (proc(5)). */
  readonly startTicks: string;
  /** The PID namespace, as /proc/self/ns/pid links to it (pid_namespaces(7)). */
  readonly namespace: string;
}

/**
 * Makes a folder only this user can enter (mode 0700); the first time, those that dead harnesses left behind are removed.
 * @param base default: the system's folder for temporary files.
 * @throws UnwritableFolderError, NoSpaceError
 */
export async function createSocketFolder(base: string = tmpdir()): Promise<SocketFolder> {
  await sweptOnce(base);
  let path: string | undefined;
  try {
    ({ path } = await tmp.dir({ tmpdir: base, prefix: PREFIX.slice(0, -1), mode: 0o700, keep: true }));
    await writeFile(join(path, OWNER_FILE), JSON.stringify(await thisProcess()));
    return new SocketFolder(path);
  } catch (cause) {
    if (path !== undefined) await rm(path, { recursive: true, force: true });
    throw writeError(join(path ?? base, OWNER_FILE), cause);
  }
}

async function thisProcess(): Promise<Owner> {
  const [startTicks = '', namespace] = await Promise.all([startTicksOf(process.pid), pidNamespace()]);
  return { pid: process.pid, startTicks, namespace };
}

async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The command's name, in brackets, may itself hold brackets and spaces; field 3 comes after the last one.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

async function pidNamespace(): Promise<string> {
  return readlink('/proc/self/ns/pid').catch(() => '');
}

/** Harnesses do not die often enough to look before each of thousands of machines. */
const swept = new Map<string, Promise<void>>();

async function sweptOnce(base: string): Promise<void> {
  const sweeping = swept.get(base) ?? removeStaleFolders(base);
  swept.set(base, sweeping);
  await sweeping;
}

/** Removes what dead harnesses left behind. Tidying is not what was asked for: a folder that resists is left alone. */
export async function removeStaleFolders(base: string): Promise<void> {
  const names = await readdir(base).catch(() => []);
  const candidates = names.filter((name) => name.startsWith(PREFIX)).map((name) => join(base, name));
  const namespace = await pidNamespace();
  for (const path of candidates) {
    const stale = await isStale(path, namespace).catch(() => false);
    if (stale) await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

async function isStale(path: string, namespace: string): Promise<boolean> {
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o777) !== 0o700)
    return false;
  const owner = JSON.parse(await readFile(join(path, OWNER_FILE), 'utf8')) as Partial<Owner>;
  if (typeof owner.pid !== 'number' || owner.namespace !== namespace) return false;
  return (await startTicksOf(owner.pid)) !== owner.startTicks;
}
