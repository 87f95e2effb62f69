/** The stopped guest as checks see it: registers and memory through the gdbstub, GDTR through the monitor. */
import type { Deadline } from '../lifetime/deadline.ts';
import type { QmpClient } from '../qmp/qmp-client.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import type { DescriptorTableRegister, GuestView, SharedRam } from '../guest/guest-view.ts';

/** The gdbstub has no GDTR (FACTS), so it is read from HMP's `info registers`: `GDT=     000f6248 0000007f`. */
export function parseGdtr(registersText: string): DescriptorTableRegister {
  const match = /^GDT=\s+([0-9a-f]+) ([0-9a-f]+)/m.exec(registersText);
  if (!match) throw new Error('no GDT line in QEMU’s `info registers`');
  return { base: BigInt(`0x${match[1] ?? '0'}`), limit: Number.parseInt(match[2] ?? '0', 16) };
}

/** @param deadline default: QmpClient's own for a command. */
export async function humanMonitor(
  qmp: QmpClient,
  commandLine: string,
  deadline?: Deadline,
): Promise<string> {
  const timeout = deadline ? { timeoutMs: deadline.remainingMs } : {};
  return String(await qmp.execute('human-monitor-command', { 'command-line': commandLine }, timeout));
}

/** The client must be in physical memory mode. */
export async function stoppedGuest(
  rsp: RspClient,
  { qmp, ram }: { readonly qmp: QmpClient; readonly ram?: SharedRam | undefined },
): Promise<GuestView> {
  const registers = await rsp.readRegisters();
  return {
    registers,
    readPhysical: (address, sizeBytes) => rsp.readMemory(address, sizeBytes),
    readGdtr: async () => parseGdtr(await humanMonitor(qmp, 'info registers')),
    ...(ram ? { ram } : {}),
  };
}
