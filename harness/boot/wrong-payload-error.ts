/** Whether GRUB read the payload drive that lies in the machine. */

import type { BootEnd } from './boot-end.ts';

/** GRUB read something else than what lies on the payload drive: nothing that follows is about this instance. */
export class WrongPayloadError extends Error {
  override readonly name = 'WrongPayloadError';
  constructor(
    readonly wanted: string,
    readonly read: string | undefined,
  ) {
    super(
      `GRUB was to read the choice ${JSON.stringify(wanted)} from the payload drive, but read ` +
        (read === undefined ? 'none' : JSON.stringify(read)),
    );
  }
}

/** Whether a machine ended so because of what ran in it; QEMU that dies or closes its console is the host's trouble. */
export function isGuestsDoing(end: BootEnd): boolean {
  return end.kind === 'machine' ? end.end.kind !== 'qemu-exit' : end.kind !== 'console';
}

/**
 * What a fork's GRUB has in its memory must not be the payload of another instance, or of none.
 * @param read what GRUB reported; absent: nothing.
 * @param mustRead whether GRUB would have reported something: a fork begins a moment before it does.
 * @throws WrongPayloadError
 */
export function requireChoice(wanted: string | undefined, read: string | undefined, mustRead: boolean): void {
  if (wanted === undefined || read === wanted) return;
  if (read !== undefined || mustRead) throw new WrongPayloadError(wanted, read);
}
