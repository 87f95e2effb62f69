/** Looks once more at an end that the subject announced itself; the machine is held for it and stays held. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { BootRecord } from '../boot/boot-record.ts';
import type { BootSession } from '../boot/boot-session.ts';
import { observeSafely } from '../boot/checkpoint-loop.ts';
import type { ObservedCheckpoint } from '../boot/subject-driver.ts';
import { humanMonitor } from '../boot/guest.ts';
import { hex } from '../bits/hex.ts';
import { QmpCommandError } from '../qmp/errors.ts';
import { parseRegisterDump } from '../qemu/register-dump.ts';
import type { EndedMachine, InstanceDriver } from './instance-driver.ts';

/** The record with what was seen at the end; as it is where nobody can or need look. */
export async function withEnd(
  session: BootSession,
  driver: InstanceDriver,
  record: BootRecord,
): Promise<BootRecord> {
  const { end, loader } = record;
  if (end.kind !== 'subject' || !loader || !driver.endInspections) return record;
  const halts = driver.haltsAt?.includes(end.meaning) === true;
  const machine = await endedMachine(session, halts);
  // Whoever halts at its end is there to be looked at; others may have gone on to a reset by then.
  if (!machine) return halts ? { ...record, checkpoints: [...record.checkpoints, GONE] } : record;
  const checkpoints = [...record.checkpoints];
  for (const inspection of driver.endInspections(machine, end.meaning, loader)) {
    const observations = await observeSafely(() => inspection.inspect());
    if (observations.length > 0) checkpoints.push({ name: inspection.name, address: 0n, observations });
  }
  return { ...record, checkpoints, subjectLines: machine.lines };
}

const GONE: ObservedCheckpoint = {
  name: 'end',
  address: 0n,
  observations: [{ ok: false, text: 'the machine was gone when it was to be looked at' }],
};

/** undefined where the machine is gone by now. */
async function endedMachine(
  { machine, console }: BootSession,
  haltsAtEnd: boolean,
): Promise<EndedMachine | undefined> {
  const { qmp, ram } = machine;
  try {
    const registers = await stopped(qmp, haltsAtEnd);
    // What the guest wrote before it was stopped stands in the socket by now.
    await setImmediate();
    const readDevice = (address: number, sizeBytes: number) => devicePart(qmp, address, sizeBytes);
    return {
      readDevice,
      // Without shared memory the monitor reads all there is, slowly.
      readPhysical: (address, sizeBytes) =>
        ram ? ram.read(address, sizeBytes) : readDevice(address, sizeBytes),
      ...(ram ? { ram } : {}),
      readMachineState: async () => parseRegisterDump(registers),
      isHalted: HALTED.test(registers),
      lines: console.lines('subject'),
    };
  } catch {
    return undefined;
  }
}

const HALTED = /\bHLT=1\b/;

/** Between a guest's last character and its HLT lie a few instructions, and on a busy host some milliseconds. */
const TRIES = 50;
const PAUSE_MS = 20;

/** @returns what the monitor shows of the stopped CPU. */
async function stopped(qmp: BootSession['machine']['qmp'], haltsAtEnd: boolean): Promise<string> {
  for (let tries = TRIES; ; tries--) {
    await qmp.execute('stop');
    const registers = await humanMonitor(qmp, 'info registers');
    if (!haltsAtEnd || HALTED.test(registers) || tries <= 1) return registers;
    // A guest that reset or shut down meanwhile cannot go on: it is looked at as it is.
    if (!(await goesOn(qmp))) return registers;
    await setTimeout(PAUSE_MS);
  }
}

async function goesOn(qmp: BootSession['machine']['qmp']): Promise<boolean> {
  try {
    await qmp.execute('cont');
    return true;
  } catch (error) {
    if (error instanceof QmpCommandError) return false;
    throw error;
  }
}

/** QEMU's HMP `xp`: lines of `00000000000b8000: 0x45 0x07 …`. */
async function devicePart(
  qmp: BootSession['machine']['qmp'],
  address: number,
  sizeBytes: number,
): Promise<Uint8Array> {
  const text = await humanMonitor(qmp, `xp /${sizeBytes}xb ${hex(address)}`);
  const bytes = text
    .split('\n')
    .flatMap((line) => line.slice(line.indexOf(':') + 1).match(/0x[0-9a-f]{2}\b/g) ?? [])
    .map(Number);
  if (bytes.length !== sizeBytes)
    throw new Error(`the monitor gave ${bytes.length} of ${sizeBytes} bytes at ${hex(address)}`);
  return Uint8Array.from(bytes);
}
