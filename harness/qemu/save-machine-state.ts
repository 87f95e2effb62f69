/** A stopped machine into files; machine-state.ts is the way back, and says where the format comes from. */
import { createWriteStream } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Deadline } from '../lifetime/deadline.ts';
import { QmpCommandError } from '../qmp/errors.ts';
import type { Machine } from './launch.ts';
import {
  asStateError,
  CAPABILITIES,
  NoRoomForRamError,
  settled,
  STATE_FILES,
  UnsavableError,
} from './machine-state.ts';

/** Nothing else uses the machine: the default of 128 MiB/s would be waited for. Bytes a second. */
const UNLIMITED = 2 ** 40;

/**
 * Asks what {@link saveMachineState} will need, before anything is waited for.
 * @throws UnsavableError where QEMU refuses, NoRoomForRamError.
 */
export async function prepareToSave({ ram, qmp }: Machine): Promise<void> {
  if (!ram) throw new NoRoomForRamError();
  try {
    await qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES });
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': UNLIMITED });
  } catch (error) {
    throw error instanceof QmpCommandError ? new UnsavableError(error) : error;
  }
}

/**
 * Writes a stopped machine into files of `directory`. The machine is of no use afterwards but to be ended.
 * @throws MachineStateError, MigrationFailedError, UnsavableError, NoRoomForRamError, DeadlineError, and what writing throws.
 */
export async function saveMachineState(
  machine: Machine,
  directory: string,
  deadline: Deadline,
): Promise<void> {
  const { ram } = machine;
  if (!ram) throw new NoRoomForRamError();
  await prepareToSave(machine);
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
  const abort = new AbortController();
  const server = createServer();
  try {
    server.listen(socket);
    await once(server, 'listening');
    const received = once(server, 'connection', abort).then(([connection]) =>
      pipeline(connection as Socket, createWriteStream(path), abort),
    );
    received.catch(() => undefined);
    const after = qmp.lastEventSequence;
    await asStateError(qmp.execute('migrate', { uri: `unix:${socket}` }));
    const sent = settled(qmp, deadline, after);
    // A disk that is full is seen by us long before QEMU gives up.
    await Promise.race([sent, received.then(() => sent)]);
    await deadline.wait(received, 'the end of the machine’s state');
  } finally {
    abort.abort();
    server.close();
  }
}
