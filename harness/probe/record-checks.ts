/** What a record says, compared with what the harness saw itself at the same instruction. Pure. */
import { hex } from '../bits/hex.ts';
import type { MachineState } from '../multiboot2/machine-state-rules.ts';
import type { ProbeEntry, ProbeRecord, ProbeSegment, SegmentSelector } from './record.ts';

/** The harness's own look at the machine stopped at the probe's first instruction. */
export interface SeenAtEntry {
  readonly entry: ProbeEntry;
  /** Where the loader says the image's first byte is. */
  readonly runBase: number;
  readonly linkBase: number;
  readonly state: MachineState;
  readonly cr3: bigint;
  readonly informationAddress: number;
  readonly information: Uint8Array;
  /** From the image file. */
  readonly segments: readonly Omit<ProbeSegment, 'nonzeroBss'>[];
}

export interface RecordObservation {
  readonly ok: boolean;
  readonly text: string;
}

/** One observation for what agrees, or one for each thing that does not. */
export function checkRecord(record: ProbeRecord, seen: SeenAtEntry): RecordObservation[] {
  const wrong = [
    ...differing('entry', record.entry, seen.entry),
    ...differing('the base it runs at', record.runBase, seen.runBase),
    ...differing('its link base', record.linkBase, seen.linkBase),
    ...registerDifferences(record, seen),
    ...segmentDifferences(record, seen),
    ...informationDifferences(record, seen),
    ...(record.a20 ? [] : ['A20 is off, it says']),
    ...(record.entry === 'efi64' && record.stackModulo !== 0
      ? [`its stack pointer modulo 16 is ${record.stackModulo} at the EFI amd64 entry`]
      : []),
  ];
  if (wrong.length > 0) return wrong.map((text) => ({ ok: false, text }));
  const { segments, information } = record;
  const agreed = `it runs at ${hex(record.runBase)}, its ${segments.length} segments as in the file, BSS zero, A20 on`;
  return [
    { ok: true, text: `${agreed}; registers and ${information.length} bytes of boot information as seen` },
  ];
}

function differing(what: string, said: number | bigint | string, seen: number | bigint | string): string[] {
  const show = (value: number | bigint | string) => (typeof value === 'string' ? value : hex(value));
  return said === seen ? [] : [`${what}: it says ${show(said)}, seen is ${show(seen)}`];
}

const CR0_ET = 1n << 4n;
const SELECTORS: readonly SegmentSelector[] = ['cs', 'ds', 'es', 'fs', 'gs', 'ss'];

function registerDifferences(record: ProbeRecord, { state, cr3 }: SeenAtEntry): string[] {
  const general = Object.entries(record.registers).flatMap(([name, said]) =>
    said === undefined ? [] : differing(name, said, state.general[name] ?? -1n),
  );
  const selectors = SELECTORS.flatMap((name) =>
    differing(name, record.selectors[name], state.segments[name].selector),
  );
  return [
    ...general,
    ...selectors,
    ...differing('RFLAGS', record.flags, state.rflags),
    // Hard-wired to 1 (SDM 3A §2.5), and left out of what QEMU shows.
    ...differing('CR0', record.cr0 | CR0_ET, state.cr0 | CR0_ET),
    ...differing('CR3', record.cr3, cr3),
    ...differing('CR4', record.cr4, state.cr4),
    ...(record.efer === undefined ? [] : differing('EFER', record.efer, state.efer)),
    ...differing('GDTR base', record.gdtr.base, state.gdtr.base),
    ...differing('GDTR limit', record.gdtr.limit, state.gdtr.limit),
    ...differing('IDTR base', record.idtr.base, state.idtr.base),
    ...differing('IDTR limit', record.idtr.limit, state.idtr.limit),
  ];
}

function segmentDifferences(record: ProbeRecord, { segments }: SeenAtEntry): string[] {
  if (record.segments.length !== segments.length)
    return [`it has ${record.segments.length} segments, the file ${segments.length}`];
  return segments.flatMap((wanted, i) => {
    const said = record.segments[i];
    if (!said) return [];
    const name = `segment ${i}`;
    return [
      ...differing(`${name} runs at`, said.run, wanted.run),
      ...differing(`${name} is linked at`, said.link, wanted.link),
      ...differing(`${name}, bytes in the file`, said.filesz, wanted.filesz),
      ...differing(`${name}, bytes in memory`, said.memsz, wanted.memsz),
      ...(said.crc32 === wanted.crc32
        ? []
        : [`${name} is not what the file holds: CRC-32 ${hex(said.crc32)}, not ${hex(wanted.crc32)}`]),
      ...(said.nonzeroBss === 0
        ? []
        : [`${name}: ${said.nonzeroBss} of ${said.memsz - said.filesz} bytes of BSS are not zero`]),
    ];
  });
}

function informationDifferences(record: ProbeRecord, seen: SeenAtEntry): string[] {
  const { information } = seen;
  const at = information.findIndex((byte, i) => record.information[i] !== byte);
  return [
    ...differing(
      'boot information address',
      record.informationAddress & 0xffff_ffffn,
      BigInt(seen.informationAddress),
    ),
    ...differing('bytes of boot information', record.information.length, information.length),
    ...(at < 0 ? [] : [`boot information differs from what stands in memory from byte ${at} on`]),
  ];
}
