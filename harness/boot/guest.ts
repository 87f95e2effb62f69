/** The stopped guest as checks see it: registers and memory through the gdbstub, GDTR through the monitor. */
import type { Deadline } from '../lifetime/deadline.ts';
import type { QmpClient } from '../qmp/qmp-client.ts';
import type { RspClient } from '../rsp/rsp-client.ts';
import { parseRegisterDump } from '../qemu/register-dump.ts';
import type { GuestView, SharedRam } from '../guest/guest-view.ts';

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
    readMachineState: async () => parseRegisterDump(await humanMonitor(qmp, 'info registers')),
    ...(ram ? { ram } : {}),
  };
}
