/** A stopped machine into files; machine-state.ts is the way back, and says where the format comes from. */
import { createWriteStream } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Deadline } from '../lifetime/deadline.ts';
import type { Machine } from './launch.ts';
import { asStateError, CAPABILITIES, MachineStateError, settled, STATE_FILES } from './machine-state.ts';

/** Nothing else uses the machine: the default of 128 MiB/s would be waited for. Bytes a second. */
const UNLIMITED = 2 ** 40;

/**
 * Writes a stopped machine into files of `directory`. The machine is of no use afterwards but to be ended.
 * @throws MachineStateError, DeadlineError, and what writing throws.
 */
export async function saveMachineState(
  machine: Machine,
  directory: string,
  deadline: Deadline,
): Promise<void> {
  const { ram, qmp } = machine;
  if (!ram) throw new MachineStateError('its RAM is not in a file of ours (no room in memory file systems)');
  await asStateError(qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES }));
  await asStateError(qmp.execute('migrate-set-parameters', { 'max-bandwidth': UNLIMITED }));
  await receiveStream(machine, join(directory, STATE_FILES.devices), deadline);
  const { extents, bytes } = await ram.contents();
  await writeFile(join(directory, STATE_FILES.ram), bytes);
  await writeFile(join(directory, STATE_FILES.extents), JSON.stringify(extents));
  if (machine.spec.firmware.kind === 'efi')
    await copyFile(machine.variables, join(directory, STATE_FILES.variables));
}

async function receiveStream(machine: Machine, path: string, deadline: Deadline): Promise<void> {
  const { qmp } = machine;
  const socket = join(machine.folder, 'state');
  const file = createWriteStream(path);
  const server = createServer((connection) => connection.pipe(file));
  try {
    server.listen(socket);
    await once(server, 'listening');
    const after = qmp.lastEventSequence;
    await asStateError(qmp.execute('migrate', { uri: `unix:${socket}` }));
    await settled(qmp, deadline, after);
    await deadline.wait(finished(file), 'the end of the machine’s state');
  } finally {
    server.close();
    file.destroy();
  }
}
