/** Early boot of a prepared instance, captured in memory, and the same machine under gdb. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BootSession } from '../../harness/boot/boot-session.ts';
import { stopAtFirstCheckpoint } from '../../harness/boot/debug-stop.ts';
import { capture, type Captured, type CaptureWay } from '../../harness/capture/capture.ts';
import { writePayloadDrive } from '../../harness/image/payload-drive.ts';
import { Deadline } from '../../harness/lifetime/deadline.ts';
import { capturePlan } from '../../harness/scenario/capture-plan.ts';
import { bootPieces } from '../../harness/scenario/debug-pieces.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { type PreparedInstance, roundFolder } from './prepared-run.ts';

const BOOT_MS = 300_000;
const GDB_MS = 120_000;

export interface CapturedBoot {
  readonly captured: Captured;
  /** The trace's file. */
  readonly trace: Uint8Array;
}

/** @throws where the model parts from the machine: then what was measured is no capture. */
export async function captureBoot(
  prepared: PreparedInstance,
  way: CaptureWay,
  folder: string,
  round: number,
): Promise<CapturedBoot> {
  const { planned, artifacts } = prepared;
  const pieces: Uint8Array[] = [];
  const notes: unknown[] = [];
  const captured = await capture({
    ...capturePlan(planned, artifacts),
    way,
    boot: (part) => bootOf(prepared, folder, `${round}-${way}-${part}`),
    embedImage: false,
    sink: (bytes) => Promise.resolve(void pieces.push(Uint8Array.from(bytes))),
    store: new CodeStore(artifacts.disassembler),
    onNote: (note) => void notes.push(note),
  });
  if (notes.length > 0) throw new Error(`the model parts from the machine in ${notes.length} places`);
  return { captured, trace: Buffer.concat(pieces) };
}

/**
 * gdb's `stepi`, as a user has it without symbols (they slow it down), from the image's entry.
 * @returns steps per second, gdb's own start left out
 */
export async function gdbStepRate(
  prepared: PreparedInstance,
  steps: number,
  folder: string,
  round: number,
): Promise<number> {
  const options = await bootOf(prepared, folder, `${round}-gdb`);
  await using session = await BootSession.launch(options);
  const stop = await stopAtFirstCheckpoint(session, options.driver, options.deadline);
  if (stop.kind === 'ended') throw new Error('the machine ended before the image’s entry');
  const commands = [
    'set architecture i386:x86-64',
    `target remote ${session.machine.gdbSocket}`,
    'shell date +%s.%N',
    `stepi ${steps}`,
    'shell date +%s.%N',
  ];
  const child = spawn('gdb', ['-nx', '-q', '-batch', ...commands.flatMap((each) => ['-ex', each])], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: GDB_MS,
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  await once(child, 'close');
  const [began, ended] = [...said.matchAll(/^(\d+\.\d{9})$/gm)].map(([, text]) => Number(text));
  if (began === undefined || ended === undefined) throw new Error(`gdb did not step: ${said}`);
  return steps / (ended - began);
}

async function bootOf({ planned, artifacts, signal }: PreparedInstance, folder: string, name: string) {
  const directory = await roundFolder(folder, name);
  const { payload: files, driver } = bootPieces(planned, artifacts);
  const payload = join(directory, 'payload.tar');
  await writePayloadDrive(payload, files);
  return {
    qemu: artifacts.qemu.path,
    spec: { ...planned.spec, payload },
    directory,
    deadline: Deadline.in(BOOT_MS),
    driver,
    ...(signal ? { signal } : {}),
  };
}
