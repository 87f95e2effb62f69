/** What `loadbase capture` does once its options are read. */
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Captured, capture } from '../capture/capture.ts';
import type { ModelNote } from '../capture/follower.ts';
import { noteText } from '../capture/note-text.ts';
import { writePayloadDrive } from '../image/payload-drive.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { capturePlan } from '../scenario/capture-plan.ts';
import { bootPieces } from '../scenario/debug-pieces.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import type { CaptureOptions } from './run-options.ts';
import { EXIT } from './exit-codes.ts';
import { interruptSignal } from './interrupt.ts';
import { prepareInstance, type PreparedInstance } from './prepared-instance.ts';
import { complain, standardOutput } from './surroundings.ts';

const BOOT_MS = 300_000;
/** More are counted, not told. */
const MAX_NOTES = 10;

export async function captureInstance(name: string, options: CaptureOptions): Promise<number> {
  const signal = interruptSignal();
  const prepared = await prepareInstance('capture', name, options, signal);
  const output = options.output ?? `${prepared.planned.instance.name}.lbtrace`;
  const part = `${output}.part`;
  const notes: ModelNote[] = [];
  const captured = await writeTrace(part, prepared, options, signal, notes);
  await rename(part, output);
  tell(output, captured, notes);
  return EXIT.ok;
}

async function writeTrace(
  path: string,
  { planned, artifacts, directory, from }: PreparedInstance,
  options: CaptureOptions,
  signal: AbortSignal,
  notes: ModelNote[],
): Promise<Captured> {
  const plan = capturePlan(planned, artifacts, options.until);
  const deadline = Deadline.in(BOOT_MS);
  await using file = await open(path, 'w');
  return await capture({
    ...plan,
    boot: async (part) => {
      const folder = join(directory, part);
      await mkdir(folder, { recursive: true });
      const pieces = bootPieces(planned, artifacts);
      const payload = join(folder, 'payload.tar');
      await writePayloadDrive(payload, pieces.payload);
      return {
        qemu: artifacts.qemu.path,
        spec: { ...planned.spec, payload },
        directory: folder,
        deadline,
        driver: pieces.driver,
        from,
        signal,
      };
    },
    ...(options.way ? { way: options.way } : {}),
    embedImage: options.embedImage === true,
    sink: async (bytes) => void (await file.write(bytes)),
    store: new CodeStore(artifacts.disassembler),
    onNote: (note) => void notes.push(note),
  });
}

function tell(
  output: string,
  { totals, why, excursions, recordingMs, scoutMs, noLog }: Captured,
  notes: readonly ModelNote[],
): void {
  const rate = Math.round((totals.guestSteps / recordingMs) * 1000);
  const scouted = scoutMs > 0 ? `scout ${(scoutMs / 1000).toFixed(1)} s, ` : '';
  if (noLog !== undefined) complain(`captured by stepping: ${noLog}`);
  standardOutput().write(
    `${output}: ${totals.steps.toLocaleString('en')} steps, ${totals.guestSteps.toLocaleString('en')} with iterations, ` +
      `${excursions} excursions; ${why} ` +
      `(${scouted}recording ${(recordingMs / 1000).toFixed(1)} s, ${rate.toLocaleString('en')} steps/s)\n`,
  );
  for (const note of notes.slice(0, MAX_NOTES)) complain(noteText(note));
  if (notes.length > MAX_NOTES)
    complain(`… and ${notes.length - MAX_NOTES} more places where the model parts from the machine`);
}
