/** A command that is answered with OK, and may be sent together with others. */
export type RspCommand =
  /** See RspClient.monitor. */
  | { readonly kind: 'monitor'; readonly commandLine: string }
  /** A hardware breakpoint at a linear address. */
  | { readonly kind: 'insert' | 'remove'; readonly address: bigint };

/** Source: GDB manual, appendix E, "Packets" (`Z1`, `z1`) and "General Query Packets" (`qRcmd`). */
export function packetOf(command: RspCommand): string {
  switch (command.kind) {
    case 'monitor':
      return `qRcmd,${Buffer.from(command.commandLine).toString('hex')}`;
    case 'insert':
      return `Z1,${command.address.toString(16)},1`;
    case 'remove':
      return `z1,${command.address.toString(16)},1`;
  }
}
