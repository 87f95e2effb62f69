/**
 * Captures a boot. By QEMU's own log: one machine is run to see where control leaves the inside, a second one is recorded.
 * By stepping: one machine. Each begins at the subject's first instruction.
 */
import { type BootOptions } from '../boot/boot-record.ts';
import { BootSession } from '../boot/boot-session.ts';
import { stopAtFirstCheckpoint } from '../boot/debug-stop.ts';
import { humanMonitor } from '../boot/guest.ts';
import type { SubjectDriver } from '../boot/subject-driver.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { SharedRam } from '../guest/guest-view.ts';
import { untilAborted } from '../lifetime/until-aborted.ts';
import type { Machine } from '../qemu/launch.ts';
import type { LogRange } from '../qemu/machine-spec.ts';
import { habitsOf, memoryWithImage } from '../replay/loaded-memory.ts';
import type { TraceSink } from '../trace/ordered-sink.ts';
import type { TraceTotals } from '../trace/record.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { TraceWriter } from '../trace/trace-writer.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import type { Sites } from './call-sites.ts';
import { CaptureFailedError, NoSinglestepError } from './errors.ts';
import { Follower, type ModelNote } from './follower.ts';
import { touchedPages } from './live-pages.ts';
import { recordedRanges, recordSegments } from './log-segments.ts';
import { scout } from './scout.ts';
import type { Return, Segment } from './segment.ts';
import { joinedStates, type States } from './state-buffer.ts';
import { stateFromDump } from './state-from-dump.ts';
import { stepSegments } from './step-segments.ts';

/** By QEMU's own log, which only TCG writes, or by the gdbstub's steps, on any accelerator. */
export type CaptureWay = 'log' | 'step';

export interface CaptureRequest {
  /** Asked for each machine, which needs a folder of its own; `logRanges` is added. */
  readonly boot: (part: 'scout' | 'recording') => Promise<BootOptions & { readonly driver: SubjectDriver }>;
  /** Its `way` is put right where the capture chooses it. */
  readonly header: TraceHeader;
  /** Default: the log where this QEMU writes one, else steps. */
  readonly way?: CaptureWay;
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
  readonly way: CaptureWay;
  /** Why it was not captured by QEMU's log, where nobody asked for that. */
  readonly noLog?: string;
  /** 0 without a scout. */
  readonly scoutMs: number;
  /** From the first instruction's stop to the trace's end: the model and the comparison of memory included. */
  readonly recordingMs: number;
}

type Recorded = Pick<Captured, 'totals' | 'why' | 'excursions' | 'recordingMs'>;

/** @throws CaptureFailedError, NoReturnError, StuckError, NoSinglestepError, LogFormatError, DeadlineError, and what a boot throws. */
export async function capture(request: CaptureRequest): Promise<Captured> {
  const { way, header } = request;
  if (way === 'step') return byStepping(request);
  const isTcg = header.accelerator === 'tcg';
  const noLog = `with ${header.accelerator} QEMU logs no instructions; its own accelerator tcg does`;
  if (way === 'log' && !isTcg) throw new CaptureFailedError(noLog);
  if (!isTcg) return { ...(await byStepping(request)), noLog };
  try {
    return await byLog(request);
  } catch (error) {
    // The scout finds out: no byte of the trace is written yet.
    if (way === 'log' || !(error instanceof NoSinglestepError)) throw error;
    return { ...(await byStepping(request)), noLog: error.message };
  }
}

const BEGUN = { phase: 'recording', totals: { steps: 0, guestSteps: 0 }, excursions: 0 } as const;

async function byLog(request: CaptureRequest): Promise<Captured> {
  const { header, until, store, onProgress } = request;
  const { inside } = header;
  const started = performance.now();
  onProgress?.({ phase: 'scout' });
  const sites =
    request.sites ??
    (await withMachineAtEntry(request, 'scout', inside, (machine, { deadline }) =>
      scout({ machine, until, disassembler: store.disassembler, deadline }),
    ));
  const scoutMs = performance.now() - started;
  onProgress?.(BEGUN);
  const ranges = recordedRanges(inside, sites);
  const recorded = await withMachineAtEntry(request, 'recording', ranges, (machine, { deadline, signal }) =>
    record(
      request,
      'log',
      machine,
      untilAborted(
        recordSegments({ machine, inside, sites, until, disassembler: store.disassembler, deadline }),
        signal,
      ),
    ),
  );
  return { ...recorded, way: 'log', scoutMs };
}

async function byStepping(request: CaptureRequest): Promise<Captured> {
  const { header, until, store, onProgress } = request;
  const { inside } = header;
  const { disassembler } = store;
  onProgress?.(BEGUN);
  const recorded = await withMachineAtEntry(
    request,
    'recording',
    undefined,
    (machine, { deadline, signal }) =>
      record(
        request,
        'step',
        machine,
        untilAborted(stepSegments({ machine, inside, until, deadline, disassembler }), signal),
      ),
  );
  return { ...recorded, way: 'step', scoutMs: 0 };
}

async function withMachineAtEntry<T>(
  { boot, header, loadBaseOf }: CaptureRequest,
  part: 'scout' | 'recording',
  logRanges: readonly LogRange[] | undefined,
  use: (machine: Machine, options: BootOptions) => Promise<T>,
): Promise<T> {
  const options = await boot(part);
  await using session = await BootSession.launch({ ...options, ...(logRanges ? { logRanges } : {}) });
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
  return await use(session.machine, options);
}

async function record(
  request: CaptureRequest,
  way: CaptureWay,
  machine: Machine,
  parts: AsyncIterable<Segment | Return>,
): Promise<Recorded> {
  const began = performance.now();
  const { sink } = request;
  const header = { ...request.header, way };
  const ram = sharedRam(machine);
  const initial = stateFromDump(await humanMonitor(machine.qmp, 'info registers'));
  const { image, embedImage } = request;
  const writer = new TraceWriter(sink, header, initial, embedImage ? { image } : {});
  const follower = new Follower({
    writer,
    store: request.store,
    memory: memoryWithImage(header, image),
    initial,
    entryPages: await touchedPages(ram),
    ram,
    habits: habitsOf(header),
    onNote: request.onNote,
  });
  await writer.flush();
  try {
    const followed = await follow(request, parts, writer, follower);
    return { ...followed, recordingMs: performance.now() - began };
  } catch (error) {
    // What was recorded before can be replayed; where it cannot be written either, that is not the cause.
    await writer.flush().catch(() => undefined);
    throw error;
  }
}

async function follow(
  { untilName, onProgress }: CaptureRequest,
  parts: AsyncIterable<Segment | Return>,
  writer: TraceWriter,
  follower: Follower,
): Promise<Omit<Recorded, 'recordingMs'>> {
  let held: States[] = [];
  let excursions = 0;
  let flushed = performance.now();
  for await (const part of parts) {
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
