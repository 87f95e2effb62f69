/** The console's stream ended before what was awaited. */
export class SerialClosedError extends Error {
  override readonly name = 'SerialClosedError';
  constructor(
    readonly awaited: string,
    readonly lastLine: string | undefined,
  ) {
    super(`the serial console closed before ${awaited}${lastSeen(lastLine)}`);
  }
}

/** The guest printed more than is kept; what comes now is not looked at. */
export class SerialFloodError extends Error {
  override readonly name = 'SerialFloodError';
  constructor(
    readonly awaited: string,
    /** How it was seen to be a flood: `8388608 bytes`, `the same line 2001 times`. */
    readonly how: string,
    readonly lastLine: string | undefined,
  ) {
    super(`the guest flooded its serial console (${how}) before ${awaited}${lastSeen(lastLine)}`);
  }
}

function lastSeen(line: string | undefined): string {
  return line === undefined ? '; it was silent' : `; last line: ${JSON.stringify(line)}`;
}
