/** Whether GRUB read the payload drive that lies in the machine. */

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

/**
 * What a fork's GRUB has in its memory must not be the payload of another instance, or of none.
 * @param read what GRUB reported; absent: nothing.
 * @param mustRead whether GRUB would have reported something.
 * @throws WrongPayloadError
 */
export function requireChoice(wanted: string | undefined, read: string | undefined, mustRead: boolean): void {
  if (wanted === undefined || read === wanted) return;
  if (read !== undefined || mustRead) throw new WrongPayloadError(wanted, read);
}
