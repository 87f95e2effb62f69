/**
 * Captures a boot by QEMU's own log: one machine is run to see where control leaves the inside, a second one is recorded.
 * Both begin at the subject's first instruction.
 */
import { type BootOptions } from '../boot/boot-record.ts';
import { BootSession } from '../boot/boot-session.ts';
import { stopAtFirstCheckpoint } from '../boot/debug-stop.ts';
import { humanMonitor } from '../boot/guest.ts';
import type { SubjectDriver } from '../boot/subject-driver.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { SharedRam } from '../guest/guest-view.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { Machine } from '../qemu/launch.ts';
import type { LogRange } from '../qemu/machine-spec.ts';
import { habitsOf, memoryWithImage } from '../replay/loaded-memory.ts';
import type { TraceSink } from '../trace/ordered-sink.ts';
import type { TraceTotals } from '../trace/record.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { TraceWriter } from '../trace/trace-writer.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import type { Sites } from './call-sites.ts';
import { CaptureFailedError } from './errors.ts';
import { Follower, type ModelNote } from './follower.ts';
import { touchedPages } from './live-pages.ts';
import { recordedRanges, recordSegments, type Segment } from './log-segments.ts';
import { scout } from './scout.ts';
import { joinedStates, type States } from './state-buffer.ts';
import { stateFromDump } from './state-from-dump.ts';

export interface CaptureRequest {
  /** Asked for each of the two machines, which need a folder of their own; `logRanges` is added. */
  readonly boot: (part: 'scout' | 'recording') => Promise<BootOptions & { readonly driver: SubjectDriver }>;
  readonly header: TraceHeader;
  /** Linear address of the first instruction that is not captured. */
  readonly until: bigint;
  /** e.g. `__start_xen`. */
  readonly untilName: string;
  readonly loadBaseOf: (report: LoaderReport) => number;
  /** The image file's bytes. */
  readonly image: Uint8Array;
  readonly embedImage: boolean;
  readonly sink: TraceSink;
  readonly store: CodeStore;
  readonly onNote: (note: ModelNote) => void;
  /** Where control leaves and what repeats, where that is known: no machine is booted to find it. */
  readonly sites?: Sites;
  /** Told when a phase begins, and in the second one now and then how far it is. */
  readonly onProgress?: (progress: CaptureProgress) => void;
}

export type CaptureProgress =
  | { readonly phase: 'scout' }
  | { readonly phase: 'recording'; readonly totals: TraceTotals; readonly excursions: number };

/** What is lost of a capture that is killed. */
const FLUSH_MS = 200;

export interface Captured {
  readonly totals: TraceTotals;
  readonly why: string;
  readonly excursions: number;
  readonly scoutMs: number;
  /** From the first instruction's stop to the trace's end: the model and the comparison of memory included. */
  readonly recordingMs: number;
}

/** @throws CaptureFailedError, NoSinglestepError, LogFormatError, DeadlineError, and what a boot throws. */
export async function capture(request: CaptureRequest): Promise<Captured> {
  const { header, until, store, onProgress } = request;
  const started = performance.now();
  onProgress?.({ phase: 'scout' });
  const sites =
    request.sites ??
    (await withMachineAtEntry(request, 'scout', header.inside, (machine, deadline) =>
      scout({ machine, until, disassembler: store.disassembler, deadline }),
    ));
  const scoutMs = performance.now() - started;
  onProgress?.({ phase: 'recording', totals: { steps: 0, guestSteps: 0 }, excursions: 0 });
  return withMachineAtEntry(
    request,
    'recording',
    recordedRanges(header.inside, sites),
    async (machine, deadline) => {
      const began = performance.now();
      const recorded = await record(request, machine, sites, deadline);
      return { ...recorded, scoutMs, recordingMs: performance.now() - began };
    },
  );
}

async function withMachineAtEntry<T>(
  { boot, header, loadBaseOf }: CaptureRequest,
  part: 'scout' | 'recording',
  logRanges: readonly LogRange[],
  use: (machine: Machine, deadline: Deadline) => Promise<T>,
): Promise<T> {
  const options = await boot(part);
  await using session = await BootSession.launch({ ...options, logRanges });
  const stop = await stopAtFirstCheckpoint(session, options.driver, options.deadline);
  if (stop.kind === 'ended')
    throw new CaptureFailedError(
      `it ended before its first instruction (${stop.end.kind}); its logs are in ${options.directory}`,
    );
  const loadBase = loadBaseOf(stop.loader);
  const { loadBase: planned } = header.subject;
  if (loadBase !== planned)
    throw new CaptureFailedError(
      `the loader put the image at 0x${loadBase.toString(16)}, not at 0x${planned.toString(16)} as its memory map let expect`,
    );
  return await use(session.machine, options.deadline);
}

async function record(
  request: CaptureRequest,
  machine: Machine,
  sites: Sites,
  deadline: Deadline,
): Promise<Pick<Captured, 'totals' | 'why' | 'excursions'>> {
  const { header, image, embedImage, sink, store, onNote } = request;
  const ram = sharedRam(machine);
  const initial = stateFromDump(await humanMonitor(machine.qmp, 'info registers'));
  const writer = new TraceWriter(sink, header, initial, embedImage ? { image } : {});
  const memory = memoryWithImage(header, image);
  const entryPages = await touchedPages(ram);
  const follower = new Follower({
    writer,
    store,
    memory,
    initial,
    entryPages,
    ram,
    habits: habitsOf(header),
    onNote,
  });
  await writer.flush();
  try {
    return await follow(request, machine, sites, { writer, follower, deadline });
  } catch (error) {
    // What was recorded before can be replayed; where it cannot be written either, that is not the cause.
    await writer.flush().catch(() => undefined);
    throw error;
  }
}

interface Recording {
  readonly writer: TraceWriter;
  readonly follower: Follower;
  readonly deadline: Deadline;
}

async function follow(
  { header, until, untilName, onProgress }: CaptureRequest,
  machine: Machine,
  sites: Sites,
  { writer, follower, deadline }: Recording,
): Promise<Pick<Captured, 'totals' | 'why' | 'excursions'>> {
  let held: States[] = [];
  let excursions = 0;
  let flushed = performance.now();
  for await (const part of recordSegments({ machine, inside: header.inside, sites, until, deadline })) {
    if (part.kind === 'return') {
      await follower.returned(part.state, part.left);
      if (part.left) excursions++;
      continue;
    }
    held.push(part);
    // A machine that runs cannot be looked into.
    if (part.endedAt === 'goes on') continue;
    await follower.segment(joinedStates(held), part.endedAt === 'excursion');
    held = [];
    onProgress?.({ phase: 'recording', totals: writer.totals, excursions });
    if (performance.now() - flushed > FLUSH_MS) {
      await writer.flush();
      flushed = performance.now();
    }
    if (part.endedAt !== 'excursion') {
      const why = endText(part, untilName);
      return { totals: await writer.end(why), why, excursions };
    }
  }
  throw new CaptureFailedError('its recording ended without an end');
}

function endText({ endedAt, said }: Segment, untilName: string): string {
  return endedAt === 'end'
    ? `${untilName} reached`
    : `the machine died: ${said ?? 'it stopped for no reason known'}`;
}

function sharedRam({ ram }: Machine): SharedRam {
  if (ram) return ram;
  throw new CaptureFailedError(
    'the machine’s RAM is no file in memory, so it cannot be read while it is stopped: free room in /dev/shm, or give it less with --memory',
  );
}
