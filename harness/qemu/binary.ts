/** The QEMU program itself: where it is, which version, which data files it brings. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process/run.ts';

/** 7.2 is what `-action panic=pause`, PNG screen dumps and this harness's tests were proved with. */
export const OLDEST_QEMU = '7.2.0';

export class QemuMissingError extends Error {
  override readonly name = 'QemuMissingError';
  constructor(program: string) {
    super(`${program} is not installed. On Debian: apt-get install qemu-system-x86`);
  }
}

export class QemuTooOldError extends Error {
  override readonly name = 'QemuTooOldError';
  constructor(path: string, version: string) {
    super(`${path} is QEMU ${version}; loadbase needs ${OLDEST_QEMU} or newer`);
  }
}

export interface QemuBinary {
  readonly path: string;
  readonly version: string;
  readonly sha256: string;
}

export function parseQemuVersion(text: string): string | undefined {
  return /^QEMU emulator version (\d+\.\d+\.\d+)/m.exec(text)?.[1];
}

/** Numeric comparison of dotted versions: negative where `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The program's path, found in `searchPath` (colon separated, as $PATH). */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of name.includes('/') ? [''] : searchPath.split(':')) {
    const candidate = folder ? join(folder, name) : name;
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return realpath(candidate);
  }
  return undefined;
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * @throws QemuMissingError, QemuTooOldError
 */
export async function findQemu(searchPath: string, program = 'qemu-system-x86_64'): Promise<QemuBinary> {
  const path = await findProgram(program, searchPath);
  if (path === undefined) throw new QemuMissingError(program);
  const [{ stdout }, sha256] = await Promise.all([
    run(path, ['--version'], { timeoutMs: 10_000 }),
    sha256OfFile(path),
  ]);
  const version = parseQemuVersion(stdout);
  if (version === undefined || compareVersions(version, OLDEST_QEMU) < 0)
    throw new QemuTooOldError(path, version ?? 'of no known version');
  return { path, version, sha256 };
}
