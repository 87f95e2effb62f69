/**
 * Makes a machine profile of captured boots: what firmware, loader and CPU gave them, told so that it can be given again. The
 * first capture is the one that is told; the others complete what it knows of tables, and are compared with it.
 */
import { digestOf } from '../replay/trace-image.ts';
import { outsideOf } from '../replay/free-run.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { CR3, GENERAL } from '../x86/state/state-layout.ts';
import { bootInformationOf, systemTableOf } from './captured-information.ts';
import { captureOf, type Capture, type CapturedTrace, entryMemory, unionOf } from './capture.ts';
import { cpuAnswers } from './cpu-answers.ts';
import { tableBytes } from './efi-services.ts';
import { entryRules } from './entry-rules.ts';
import { type IdentityMap, identityMapAt, withoutMarks } from './identity-map.ts';
import { allRuns, knownRuns, memoryOf } from './known-memory.ts';
import { fillLowMemory } from './low-memory.ts';
import { type MachineProfile, MachineProfileError } from './machine-profile.ts';
import { observeBoot, type ObservedBoot } from './observed-boot.ts';
import { ObservedCalls } from './observed-calls.ts';
import { occupiedBy } from './occupied.ts';
import { differingReplies } from './reply-differences.ts';

const EBX = GENERAL + 6;
const PAGE = 4096;

export interface ProfileOptions {
  readonly name: string;
  /** The commands that make it again. */
  readonly again: string;
  readonly madeAt: Date;
}

interface Observed {
  readonly capture: Capture;
  readonly boot: ObservedBoot;
  readonly calls: ObservedCalls;
}

/**
 * @param traces of one machine, at one base or more; at least one
 * @throws MachineProfileError where they are of several machines; CallNotUnderstoodError, UnobservableBootError,
 * UntrimmableTraceError, TraceError, TraceImageError
 */
export async function profileOfTraces(
  traces: readonly CapturedTrace[],
  store: CodeStore,
  options: ProfileOptions,
): Promise<MachineProfile> {
  const captures: Capture[] = [];
  for (const trace of traces) captures.push(await captureOf(trace, store));
  const [first] = captures;
  if (!first) throw new MachineProfileError('there is no trace to make it of');
  mustBeOneMachine(captures);
  const supplement = unionOf(captures.map(({ raw }) => outsideOf(raw).memory));
  const observed = captures.map((capture) => observe(capture, supplement, store));
  return assembled(observed, supplement, options);
}

function observe(capture: Capture, supplement: PhysicalMemory, store: CodeStore): Observed {
  const { trimmed, image, loadBase, imageSizeBytes, header } = capture;
  const outside = outsideOf(trimmed);
  const memory = memoryOf(outside.memory);
  const calls = new ObservedCalls(
    { loadBase, sizeBytes: imageSizeBytes },
    supplement,
    header.firmware === 'efi'
      ? { systemTable: systemTableOf(outside.initial[EBX]! >>> 0, memory), memory }
      : undefined,
  );
  return { capture, calls, boot: observeBoot(trimmed, image, store, calls) };
}

function assembled(
  observed: readonly Observed[],
  supplement: PhysicalMemory,
  options: ProfileOptions,
): MachineProfile {
  const { capture, boot, calls } = observed[0]!;
  const { header, loadBase, imageSizeBytes, image } = capture;
  const { initial } = boot.outside;
  const identityMap = header.firmware === 'efi' ? identityMapAt(initial[CR3]! >>> 0, supplement) : undefined;
  const memory = unionOf([
    ...observed.map((each) => entryRuns(each, identityMap)),
    ...observed.map(({ capture: each }) => structuredRuns(each, calls, identityMap)),
  ]);
  const bootInformation = bootInformationOf(initial[EBX]! >>> 0, supplement);
  const notes = [...bootInformation.notes, ...differingReplies(observed.map((each) => each))];
  if (header.firmware === 'bios') notes.push(...fillLowMemory(memory, initial));
  const runs = withoutRange(memory, bootInformation.start, bootInformation.end);
  return {
    schema: 'loadbase.machine/1',
    name: options.name,
    firmware: header.firmware === 'efi' ? 'efi' : 'bios',
    accelerator: header.accelerator,
    provenance: { ...provenanceOf(observed, options), notes },
    captured: {
      imageSha256: header.subject.imageSha256,
      linkBase: header.subject.linkBase,
      ...{ loadBase, loadSizeBytes: imageSizeBytes },
    },
    entry: entryRules(
      observed.map((each) => each.boot.outside.initial),
      observed.map((each) => each.capture),
      parseBootImage(image),
    ),
    bootInformation: bootInformation.told,
    memory: runs,
    ...(identityMap ? { identityMap } : {}),
    tables: [...calls.tables],
    cpu: cpuAnswers(observed.map((each) => ({ loadBase: each.capture.loadBase, inputs: each.boot.inputs }))),
    replies: calls.replies,
    occupied: occupiedBy({ runs, bootInformation, identityMap, replies: calls.replies }),
  };
}

function entryRuns({ capture, calls }: Observed, map: IdentityMap | undefined) {
  const { loadBase, imageSizeBytes, trimmed } = capture;
  const runs = entryMemory(trimmed, calls.places);
  return map ? withoutMarks(map, runs, { address: loadBase, sizeBytes: imageSizeBytes }) : runs;
}

/** What a capture's whole lines of memory say of tables and page tables: data of a known form, nobody's code. */
function structuredRuns(
  { raw, loadBase, imageSizeBytes }: Capture,
  { tables }: ObservedCalls,
  map: IdentityMap | undefined,
) {
  const memory = memoryOf(outsideOf(raw).memory);
  const runs = [
    ...tables.flatMap(({ kind, address }) => knownRuns(memory, address, tableBytes(kind))),
    ...(map ? [map.pointerTable, ...map.directories].flatMap((table) => knownRuns(memory, table, PAGE)) : []),
  ];
  return map ? withoutMarks(map, runs, { address: loadBase, sizeBytes: imageSizeBytes }) : runs;
}

function withoutRange(memory: PhysicalMemory, start: number, end: number): MachineProfile['memory'] {
  return allRuns(memory).flatMap(({ address, bytes }) => [
    ...(address < start ? [{ address, bytes: bytes.subarray(0, Math.max(0, start - address)) }] : []),
    ...(address + bytes.length > end
      ? [{ address: Math.max(address, end), bytes: bytes.subarray(Math.max(0, end - address)) }]
      : []),
  ]);
}

function mustBeOneMachine(captures: readonly Capture[]): void {
  for (const { header } of captures)
    if (
      header.firmware !== captures[0]!.header.firmware ||
      header.accelerator !== captures[0]!.header.accelerator
    )
      throw new MachineProfileError(
        'the traces are of several machines: their firmware or accelerator differs',
      );
}

function provenanceOf(observed: readonly Observed[], { again, madeAt }: ProfileOptions) {
  return {
    traces: observed.map(({ capture: { header, loadBase, bytes } }) => ({
      ...{ instance: header.instance, sha256: digestOf(bytes), capturedAt: header.capturedAt, loadBase },
    })),
    tools: observed[0]!.capture.header.tools,
    madeAt: madeAt.toISOString(),
    again,
  };
}
