/** What `loadbase capture` does once its options are read. */
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type Captured, capture } from '../capture/capture.ts';
import type { ModelNote } from '../capture/follower.ts';
import { noteText } from '../capture/note-text.ts';
import { writePayloadDrive } from '../image/payload-drive.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { escapeForTerminal } from '../report/escape.ts';
import { capturePlan } from '../scenario/capture-plan.ts';
import { bootPieces } from '../scenario/debug-pieces.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { captureProgress, type ProgressLine } from './capture-progress.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import type { CaptureOptions } from './run-options.ts';
import { interruptSignal } from './interrupt.ts';
import { prepareInstance, type PreparedInstance } from './prepared-instance.ts';
import { complain, standardOutput } from './surroundings.ts';

const BOOT_MS = 300_000;
/** More are counted, not told. */
const MAX_NOTES = 10;

export async function captureInstance(name: string, options: CaptureOptions): Promise<number> {
  const signal = interruptSignal();
  if (options.output !== undefined) await mustBeWritable(options.output);
  const prepared = await prepareInstance('capture', name, options, signal);
  const output = options.output ?? `${prepared.planned.instance.name}.lbtrace`;
  const part = `${output}.part`;
  const notes: ModelNote[] = [];
  const progress = captureProgress(standardOutput());
  try {
    const captured = await writeTrace(part, { prepared, options, signal, notes, progress });
    await rename(part, output);
    progress.close();
    tell(output, captured, notes);
    return EXIT.ok;
  } catch (error) {
    progress.close();
    await tellOfPart(part);
    // Machines that were ended on purpose fail in many ways.
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  }
}

interface Writing {
  readonly prepared: PreparedInstance;
  readonly options: CaptureOptions;
  readonly signal: AbortSignal;
  readonly notes: ModelNote[];
  readonly progress: ProgressLine;
}

async function writeTrace(
  path: string,
  { prepared, options, signal, notes, progress }: Writing,
): Promise<Captured> {
  const { planned, artifacts, directory, from } = prepared;
  const plan = capturePlan(planned, artifacts, options.until);
  const deadline = Deadline.in(BOOT_MS);
  await using file = await openForWriting(path);
  return await capture({
    ...plan,
    boot: async (part) => {
      signal.throwIfAborted();
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
    onProgress: (event) => progress.show(event),
  });
}

/** Before minutes are spent. @throws UsageError */
async function mustBeWritable(output: string): Promise<void> {
  const found = await stat(output).catch(() => undefined);
  if (found?.isDirectory())
    throw new UsageError(`cannot write the trace ${output}: it is a folder; name a file with -o`);
  const part = `${output}.part`;
  const file = await openForWriting(part, 'a');
  const { size } = await file.stat();
  await file.close();
  if (size === 0) await rm(part);
}

/** @throws UsageError */
async function openForWriting(path: string, flags = 'w'): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`cannot write ${path} (${code ?? String(error)}); name a file that can be with -o`);
  }
}

/** One that holds nothing is taken away. */
async function tellOfPart(part: string): Promise<void> {
  const found = await stat(part).catch(() => undefined);
  if (found?.size === 0) await rm(part, { force: true });
  else if (found) complain(`what was recorded until then is in ${part}; \`loadbase replay\` reads it`);
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
      `${excursions} excursions; ${escapeForTerminal(why)} ` +
      `(${scouted}recording ${(recordingMs / 1000).toFixed(1)} s, ${rate.toLocaleString('en')} steps/s)
`,
  );
  for (const note of notes.slice(0, MAX_NOTES)) complain(noteText(note));
  if (notes.length > MAX_NOTES)
    complain(`… and ${notes.length - MAX_NOTES} more places where the model parts from the machine`);
  if (notes.length > 0)
    complain(
      'the trace is whole, and says what the machine did; the x86 model did otherwise there, so `loadbase replay` will show a divergence',
    );
}
