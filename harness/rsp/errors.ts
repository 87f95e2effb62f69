/** The peer broke the GDB remote protocol. */
export class RspProtocolError extends Error {
  override readonly name = 'RspProtocolError';
  constructor(
    detail: string,
    /** The start of what was received. */
    readonly received?: string,
  ) {
    super(`GDB remote protocol: ${detail}${received === undefined ? '' : `: ${JSON.stringify(received)}`}`);
  }
}

/** The stub refused a packet (`E` and a number). */
export class RspErrorReply extends Error {
  override readonly name = 'RspErrorReply';
  constructor(
    /** The packet, cut short. */
    readonly packet: string,
    /** `E22`, say: for QEMU an errno(3), in decimal. */
    readonly code: string,
  ) {
    super(`the GDB stub answers ${JSON.stringify(packet)} with ${code}`);
  }
}

/** The stub does not know a packet (it answers with an empty one). */
export class RspUnsupportedError extends Error {
  override readonly name = 'RspUnsupportedError';
  constructor(readonly packet: string) {
    super(`the GDB stub does not know ${JSON.stringify(packet)}`);
  }
}

/** A command was given in a state that has no place for it. */
export class RspStateError extends Error {
  override readonly name = 'RspStateError';
  constructor(
    readonly command: string,
    readonly state: string,
    hint: string,
  ) {
    super(`${command}: the machine is ${state}; ${hint}`);
  }
}

/** The connection ended while something was awaited, or before it was asked. */
export class RspClosedError extends Error {
  override readonly name = 'RspClosedError';
  constructor(
    readonly awaited: string,
    options?: ErrorOptions,
  ) {
    super(`the connection to the GDB stub closed before ${awaited}`, options);
  }
}

/** The stub can not read physical memory: no QEMU, or one older than 4.1. */
export class PhysicalModeUnsupportedError extends Error {
  override readonly name = 'PhysicalModeUnsupportedError';
  constructor(options?: ErrorOptions) {
    super('the GDB stub has no physical memory mode (Qqemu.PhyMemMode); QEMU 4.1 and later have', options);
  }
}
