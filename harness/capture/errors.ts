/** QEMU's log is not what its version for this harness prints. */
export class LogFormatError extends Error {
  override readonly name = 'LogFormatError';
  constructor(
    expected: string,
    /** The line, control characters escaped. */
    readonly line: string,
  ) {
    super(
      `QEMU's CPU log: expected ${expected}, got ${line}; this harness reads what QEMU 7.2 to 9 print for an x86 CPU`,
    );
  }
}

/** A line of text that may be anything, as JSON text of bounded length. */
export function shownLine(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const line = start.split('\n', 1)[0] ?? '';
  return JSON.stringify(line.slice(0, 120));
}
