/**
 * Mutants of the image that a trace was captured of, and a judge that is there before a check is: the trace gives what came
 * from outside, memory that it does not know stops the model, and all that is left behind must be what the image leaves.
 */
import { readFileSync } from 'node:fs';
import { imageForTrace } from '../../cli/image-for-trace.ts';
import { FreeRun, type Outside, outsideOf } from '../../replay/free-run.ts';
import type { ImageSymbols } from '../../subject/image-symbols.ts';
import { parseBootImage } from '../../subject/boot-image.ts';
import { TraceReader } from '../../trace/trace-reader.ts';
import { hex } from '../../bits/hex.ts';
import { loadDisassembler } from '../../x86/disassembler.ts';
import { CodeStore } from '../../x86/execute/code-store.ts';
import { run } from '../../x86/execute/step.ts';
import type { MemorySnapshot } from '../../x86/memory/physical-memory.ts';
import { GENERAL_NAMES, readField } from '../../x86/state/state-layout.ts';
import { ExecutionRecorder, type ImageCopy, type ImagePlace } from '../executed-instructions.ts';
import { changesAt, type Mutant, type Mutants, mutantsOf } from '../mutants.ts';
import { rolesByComparison } from '../mutant-roles.ts';
import type { Judge, Killed } from '../mutation-score.ts';

const GOLDEN = new URL('../../../results/golden/', import.meta.url);
const PAGE_BYTES = 4096;
export const disassembler = await loadDisassembler();

interface Traced {
  readonly trace: TraceReader;
  readonly outside: Outside;
  readonly image: Uint8Array;
  readonly place: ImagePlace;
}

type Entry = 'bios' | 'efi';

export async function traced(entry: Entry, base: string): Promise<Traced & Pick<Found, 'symbols'>> {
  const trace = new TraceReader(
    readFileSync(new URL(`xen-early-boot~${entry}~base-${base}.lbtrace`, GOLDEN)),
  );
  const { bytes: image, symbols } = await imageForTrace(trace, undefined);
  const { linkBase, loadBase, segments } = trace.header.subject;
  const sizeBytes = segments[0]!.memorySizeBytes;
  const outside = outsideOf(trace);
  return { trace, outside, image, symbols, place: { linkBase, loadBase, sizeBytes, copies: [] } };
}
type Found = Awaited<ReturnType<typeof imageForTrace>>;

export async function mutantsOfTraces(
  entry: Entry,
): Promise<Mutants & { traced: Traced; symbols: ImageSymbols }> {
  const store = new CodeStore(disassembler);
  const [here, there] = [await traced(entry, '0x03e00000'), await traced(entry, '0x80000000')];
  const symbols = here.symbols!;
  const runs = [here, there].map(({ trace, outside, image, place }) => {
    const recorder = new ExecutionRecorder();
    const free = new FreeRun(trace, outside, image, store);
    const end = free.run(recorder.run);
    if (end.stopped) throw new Error(`it stopped: ${end.stopped.kind}`);
    const start = symbols.linkTime('trampoline_start');
    const at = symbols.linkTime('trampoline_phys') - place.linkBase + place.loadBase;
    const copy: ImageCopy = {
      address: Buffer.from(free.cpu.physical.read(at, 4)).readUInt32LE(),
      linkTime: start,
      sizeBytes: symbols.linkTime('trampoline_end') - start,
    };
    const full = { ...place, copies: [copy] };
    return { instructions: recorder.instructions(full), base: place.loadBase - place.linkBase, place: full };
  });
  const image = parseBootImage(here.image);
  const symbolAt = (linkTime: number) => {
    const near = symbols.nearest(BigInt(linkTime) + symbols.virtualStart);
    return near && `${near.name}+0x${near.offset.toString(16)}`;
  };
  const { roles, uncompared } = rolesByComparison(runs[0]!, runs[1]!);
  if (uncompared.length > 0) throw new Error(`${uncompared.length} instructions differ between the traces`);
  return {
    ...mutantsOf({ image, roles, disassembler, symbolAt }),
    symbols,
    traced: { ...here, place: runs[0]!.place },
  };
}

interface End {
  readonly words: readonly string[];
  readonly memory: MemorySnapshot;
  readonly stopped: string | undefined;
}

export function crudeJudge({ trace, outside, image, place }: Traced): Judge {
  const store = new CodeStore(disassembler);
  const runOf = (bytes: Uint8Array): End => {
    const free = new FreeRun(trace, outside, bytes, store);
    const words: string[] = [];
    const note = (what: string) => {
      const state = free.cpu.state();
      words.push(`${what}: ${GENERAL_NAMES.map((name) => hex(readField(state, name))).join(' ')}`);
    };
    const { stopped } = free.run((cpu, code, limit) => {
      const end = run(cpu, code, limit);
      if (end.reason.kind === 'left') note(hex(end.reason.linear));
      return end;
    });
    return { words, memory: free.cpu.physical.snapshot(), stopped: stopped && describe(stopped) };
  };
  const reference = runOf(image);
  if (reference.stopped !== undefined) throw new Error(`the image itself stopped: ${reference.stopped}`);
  return (mutant, off = 0) => {
    const bytes = Uint8Array.from(image);
    for (const change of changesAt(mutant, place.loadBase, place.linkBase, off))
      bytes.set(change.bytes, change.imageOffset);
    return difference(reference, runOf(bytes), mutant, place);
  };
}

function describe(reason: { kind: string; physical?: number }): string {
  return reason.physical === undefined ? reason.kind : `${reason.kind} at ${hex(reason.physical)}`;
}

function difference(before: End, after: End, mutant: Mutant, place: ImagePlace): Killed | undefined {
  if (after.stopped !== undefined) return { by: `stopped: ${after.stopped}` };
  const state = before.words.findIndex((each, at) => each !== after.words[at]);
  if (state >= 0 || after.words.length !== before.words.length) return { by: `state at leaving ${state}` };
  for (const [frame, page] of after.memory.pages) {
    const reference = before.memory.pages.get(frame);
    if (isSame(page.bytes, reference?.bytes) && isSame(page.known, reference?.known)) continue;
    for (let at = 0; at < PAGE_BYTES; at++) {
      const address = frame * PAGE_BYTES + at;
      const isKnown = page.known?.[at] !== 0 && page.known !== undefined;
      const wasKnown = reference?.known?.[at] !== 0 && reference !== undefined;
      if (isKnown && !wasKnown && page.known) return { by: `written: ${hex(address)}` };
      if (page.bytes[at] === (reference?.bytes[at] ?? 0) || isOwn(address, mutant, place)) continue;
      return { by: `memory at ${hex(address)}` };
    }
  }
  return undefined;
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}

function isOwn(
  address: number,
  { linkTime, edit }: Mutant,
  { linkBase, loadBase, copies }: ImagePlace,
): boolean {
  const places = [
    linkTime - linkBase + loadBase,
    ...copies.map((copy) => linkTime - copy.linkTime + copy.address),
  ];
  return places.some((start) => address >= start && address < start + edit.bytes.length);
}
