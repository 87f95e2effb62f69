/** The peer said what the QEMU Machine Protocol has no place for. */
export class QmpProtocolError extends Error {
  override readonly name = 'QmpProtocolError';
  constructor(
    detail: string,
    /** The start of what was received. */
    readonly received?: string,
  ) {
    super(`QMP: ${detail}${received === undefined ? '' : `: ${JSON.stringify(received)}`}`);
  }
}

/** The peer did not greet, or refused to leave capabilities negotiation. */
export class QmpNegotiationError extends Error {
  override readonly name = 'QmpNegotiationError';
  constructor(detail: string, options?: ErrorOptions) {
    super(`QMP: ${detail}; is this QEMU's QMP socket, and nobody else connected to it?`, options);
  }
}

/** QEMU refused a command. */
export class QmpCommandError extends Error {
  override readonly name = 'QmpCommandError';
  readonly command: string;
  /** QEMU's error class: `GenericError` or `CommandNotFound` mostly. */
  readonly class: string;
  /** QEMU's own words. */
  readonly desc: string;

  constructor(command: string, error: { readonly class: string; readonly desc: string }) {
    super(`QMP ${command}: ${error.desc} (${error.class})`);
    this.command = command;
    this.class = error.class;
    this.desc = error.desc;
  }
}

/** The connection ended while something was awaited, or before it was asked. */
export class QmpClosedError extends Error {
  override readonly name = 'QmpClosedError';
  constructor(
    readonly awaited: string,
    options?: ErrorOptions,
  ) {
    super(`QMP: the connection closed before ${awaited}`, options);
  }
}
