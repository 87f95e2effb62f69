/** Boot information as a capture has it: of its tags perhaps only what early boot reads, and not the end tag's size. */
import { alignUp } from '../bits/align.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { knownRuns } from './known-memory.ts';
import { isBuiltTag, type MachineProfile, MachineProfileError } from './machine-profile.ts';

const MAX_BYTES = 1 << 20;
const [END, COMMAND_LINE, LOADER_NAME, EFI64_SYSTEM_TABLE] = [0, 1, 2, 12];
const [FIXED_PART_BYTES, TAG_HEADER_BYTES, TAG_ALIGNMENT] = [8, 8, 8];

interface Tag {
  readonly type: number;
  readonly address: number;
  readonly payload: Buffer;
}

/** The end tag included. @throws MachineProfileError */
function tagsAt(address: number, memory: PhysicalMemory): { end: number; tags: Tag[] } {
  const word = (at: number): number => Buffer.from(memory.read(at, 4)).readUInt32LE();
  const sizeBytes = word(address);
  if (sizeBytes < FIXED_PART_BYTES + TAG_HEADER_BYTES || sizeBytes > MAX_BYTES)
    throw new MachineProfileError(`the capture’s boot information has ${sizeBytes} bytes`);
  const tags: Tag[] = [];
  for (let at = address + FIXED_PART_BYTES; at < address + sizeBytes;) {
    const [type, size] = [word(at), word(at + 4)];
    const payload = Buffer.from(memory.read(at + TAG_HEADER_BYTES, Math.max(0, size - TAG_HEADER_BYTES)));
    tags.push({ type, address: at, payload });
    if (type === END) break;
    if (size < TAG_HEADER_BYTES || size > MAX_BYTES)
      throw new MachineProfileError(
        `a tag of type ${type} in the capture’s boot information has ${size} bytes`,
      );
    at += alignUp(size, TAG_ALIGNMENT);
  }
  return { end: address + sizeBytes, tags };
}

export interface CapturedInformation {
  readonly start: number;
  /** First address past it. */
  readonly end: number;
  readonly told: MachineProfile['bootInformation'];
  /** What is not known of it. */
  readonly notes: readonly string[];
}

/** @param address as in EBX @throws MachineProfileError */
export function bootInformationOf(address: number, memory: PhysicalMemory): CapturedInformation {
  const { end, tags } = tagsAt(address, memory);
  const textOf = (type: number): string =>
    tags
      .find((tag) => tag.type === type)
      ?.payload.toString()
      .replace(/\0.*$/s, '') ?? '';
  const machines = tags.filter(({ type }) => !isBuiltTag(type));
  return {
    ...{ start: address, end },
    notes: machines.flatMap((tag) => unknownOf(tag, memory)),
    told: {
      address,
      commandLine: textOf(COMMAND_LINE),
      loaderName: textOf(LOADER_NAME),
      tags: tags.map(({ type, payload }) => (isBuiltTag(type) ? { type } : { type, payload })),
    },
  };
}

function unknownOf({ type, address, payload }: Tag, memory: PhysicalMemory): string[] {
  const known = knownRuns(memory, address + TAG_HEADER_BYTES, payload.length);
  const unknown = payload.length - known.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return unknown === 0
    ? []
    : [`boot information tag ${type}: ${unknown} of ${payload.length} bytes are not known, and 0`];
}

/** @throws MachineProfileError */
export function systemTableOf(information: number, memory: PhysicalMemory): number {
  const tag = tagsAt(information, memory).tags.find(({ type }) => type === EFI64_SYSTEM_TABLE);
  if (tag?.payload.length !== 8)
    throw new MachineProfileError('the boot information names no EFI system table');
  return Number(tag.payload.readBigUInt64LE());
}
