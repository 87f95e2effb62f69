/** The process's surroundings, read in this one place: environment, terminal, host. */
import { cpus, homedir, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { ReporterTarget } from '../report/reporter.ts';
import type { HostRecord } from '../scenario/contract.ts';

/** XDG Base Directory Specification: relative paths are invalid and ignored. */
export function cacheRoot(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  return join(configured?.startsWith('/') ? configured : join(homedir(), '.cache'), 'loadbase');
}

export function searchPath(): string {
  return process.env['PATH'] ?? '/usr/bin:/bin';
}

export function hostRecord(): HostRecord {
  return {
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMib: Math.round(totalmem() / 1024 / 1024),
    node: process.version,
  };
}

/** https://no-color.org, and FORCE_COLOR as Node itself reads it. */
function coloursWanted(isTerminal: boolean): boolean {
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR']) return process.env['FORCE_COLOR'] !== '0';
  return isTerminal && process.env['TERM'] !== 'dumb';
}

/** In CI even a terminal gets plain lines: its log is read afterwards. */
function outputTarget(stream: NodeJS.WriteStream): ReporterTarget {
  // Undefined, not false, where it is a pipe.
  const isTerminal = Boolean(stream.isTTY) && !process.env['CI'] && process.env['TERM'] !== 'dumb';
  return {
    write: (text) => void stream.write(text),
    isTerminal,
    get columns() {
      return stream.columns || 80;
    },
    get rows() {
      return stream.rows || 24;
    },
    colours: coloursWanted(isTerminal),
  };
}

export function standardOutput(): ReporterTarget {
  return outputTarget(process.stdout);
}

/** For what is told beside a report: progress, builds. */
export function standardError(): ReporterTarget {
  return outputTarget(process.stderr);
}

export function complain(text: string): void {
  process.stderr.write(`loadbase: ${text}\n`);
}
