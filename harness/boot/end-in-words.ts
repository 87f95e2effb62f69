/** How a boot that only prepares something ended, for the error that says so. Pure. */
import type { BootEnd } from './boot-end.ts';

export function endInWords(end: BootEnd): string {
  if (end.kind === 'machine')
    return end.end.kind === 'qemu-exit'
      ? `QEMU exited: ${end.end.stderr || 'it said nothing'}`
      : end.end.kind;
  if (end.kind === 'timeout') return `timed out waiting for ${end.awaited}`;
  return end.kind === 'loader' || end.kind === 'console' ? end.detail : end.kind;
}
