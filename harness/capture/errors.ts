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

/** QEMU's monitor has no command to run one instruction at a time. */
export class NoSinglestepError extends Error {
  override readonly name = 'NoSinglestepError';
  constructor(tried: readonly string[]) {
    super(
      `QEMU's monitor knows neither ${tried.join(' nor ')}: its log cannot show each instruction; capture by stepping, or use QEMU 7.2 to 9 with TCG`,
    );
  }
}

/** QEMU's monitor did not do what it was told. */
export class MonitorRefusalError extends Error {
  override readonly name = 'MonitorRefusalError';
  constructor(
    readonly command: string,
    answer: string,
  ) {
    super(`QEMU's monitor answers ${JSON.stringify(command)} with ${JSON.stringify(answer)}`);
  }
}

/** A boot cannot be captured; the message says why. */
export class CaptureFailedError extends Error {
  override readonly name = 'CaptureFailedError';
  constructor(why: string) {
    super(`nothing was captured: ${why}`);
  }
}

/** Control left the inside and did not come back to where it was awaited. */
export class NoReturnError extends Error {
  override readonly name = 'NoReturnError';
  constructor(
    {
      linear,
      text,
      returns,
    }: { readonly linear: bigint; readonly text: string; readonly returns: readonly bigint[] },
    waitedMs: number,
    options: ErrorOptions = {},
  ) {
    const back = returns.map((address) => `0x${address.toString(16)}`).join(', ');
    super(
      `the excursion from 0x${linear.toString(16)} (${text}) did not come back to ${back} within ${(waitedMs / 1000).toFixed(0)} s: ` +
        'the subject goes on elsewhere, or what it called waits for something; end the capture before it with --until',
      options,
    );
  }
}

/** The machine neither came to where the capture ends nor to the next place where it is looked at. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
  /** @param where what is known of the machine, e.g. `is at 0x03e00000` */
  constructor(waited: string, where: string, options: ErrorOptions = {}) {
    super(
      `early boot does not go on: ${waited}, and it ${where}; end the capture before that with --until`,
      options,
    );
  }
}
