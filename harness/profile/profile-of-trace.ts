/**
 * Makes a machine profile of captured boots: what firmware, loader and CPU gave them, told so that it can be given again. The
 * first capture is the one that is told; the others complete what it knows of tables, and are compared with it.
 */
import { digestOf } from '../replay/trace-image.ts';
import { outsideOf } from '../replay/free-run.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import type { CodeStore } from '../x86/execute/code-store.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { CR3, GENERAL, readField } from '../x86/state/state-layout.ts';
import { bootInformationOf, type CapturedInformation, systemTableOf } from './captured-information.ts';
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

export interface Observed {
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

/** @param supplement what other captures know of the machine's memory; may be empty */
export function observe(capture: Capture, supplement: PhysicalMemory, store: CodeStore): Observed {
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
  const firmware = header.firmware === 'efi' ? 'efi' : 'bios';
  const identityMap = firmware === 'efi' ? identityMapAt(initial[CR3]! >>> 0, supplement) : undefined;
  const information = bootInformationOf(initial[EBX]! >>> 0, supplement);
  const { memory, madeUp } = machineMemory(observed, identityMap, information);
  const notes = [...information.notes, ...differingReplies(firmware, observed), ...madeUp];
  const states = observed.map((each) => each.boot.outside.initial);
  const { imageSha256, linkBase } = header.subject;
  return {
    ...{ schema: 'loadbase.machine/1', name: options.name, firmware, accelerator: header.accelerator },
    provenance: { ...provenanceOf(observed, options), notes },
    captured: { imageSha256, linkBase, loadBase, loadSizeBytes: imageSizeBytes },
    entry: entryRules(
      states,
      observed.map((each) => each.capture),
      parseBootImage(image),
    ),
    bootInformation: information.told,
    memory,
    ...(identityMap ? { identityMap } : {}),
    tables: [...calls.tables],
    cpu: cpuAnswers(observed.map((each) => ({ loadBase: each.capture.loadBase, inputs: each.boot.inputs }))),
    replies: calls.replies,
    occupied: occupiedBy({
      ...{ runs: memory, bootInformation: information, identityMap, replies: calls.replies },
      addresses: addressesOf(initial, calls.targets),
    }),
  };
}

/** By entry-state.ts, so that a file stays small. */
const MADE_UP_AT_ENTRY = [
  'slots of UEFI tables that no capture reads hold their own addresses, so that a call is told by its name',
  'entries of page tables that no capture reads map 1:1',
];

/** Without boot information: that is made for each image. */
function machineMemory(
  observed: readonly Observed[],
  map: IdentityMap | undefined,
  { start, end }: CapturedInformation,
): { memory: MachineProfile['memory']; madeUp: readonly string[] } {
  const { calls, boot, capture } = observed[0]!;
  const memory = unionOf([
    ...observed.map((each) => entryRuns(each, map)),
    ...observed.map((each) => structuredRuns(each.capture, calls, map)),
  ]);
  const madeUp =
    capture.header.firmware === 'bios' ? fillLowMemory(memory, boot.outside.initial) : MADE_UP_AT_ENTRY;
  return { memory: withoutRange(memory, start, end), madeUp };
}

/** The machine's, in registers; code of functions is not in a capture, but it stood there. */
function addressesOf(initial: Int32Array, targets: readonly number[]): number[] {
  const isPaged = initial[CR3] !== 0;
  const registers = ['rsp', 'gdtr.base', 'idtr.base', ...(isPaged ? ['cr3'] : [])];
  return [...registers.map((name) => Number(readField(initial, name))), ...targets];
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
