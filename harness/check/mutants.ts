/**
 * The image with one base forgotten, in every place where it could be: for each executed instruction that uses the base or
 * computes a base-relative value, the bytes that make it work at the link base only. Pure.
 */
import { hex } from '../bits/hex.ts';
import type { LoadedImage } from '../multiboot2/loaded-image.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Instruction } from '../x86/instruction.ts';
import { type Edit, isEdit, type Site } from './mutant-edits.ts';
import { type Attempt, attempts, type MutationKind } from './mutation-rules.ts';
import type { InstructionRoles } from './mutant-roles.ts';
import { requireMutated } from './mutant-proof.ts';

/** Bytes to stand in the image file instead of those that are there. */
export interface ImageChange {
  readonly imageOffset: number;
  readonly bytes: Uint8Array;
}

/** Plain data, so that workers can be sent it; {@link changesAt} says what it does to the image. */
export interface Mutant {
  readonly kind: MutationKind;
  /** Of the instruction: link-time physical address, and where its bytes are in the image file. */
  readonly linkTime: number;
  readonly imageOffset: number;
  readonly bitness: Bitness;
  /** How often the instruction was executed. */
  readonly count: number;
  /** AT&T syntax; a distance from RIP as it stands for the link base. */
  readonly original: string;
  readonly mutated: string;
  /** `trampoline_setup+0x1c`; absent where no symbols were given. */
  readonly symbol?: string;
  /** What its memory operand names, as a link-time address: absent where it has none. */
  readonly refersTo?: number;
  readonly edit: Edit;
}

/** An instruction that uses the base, and no mutant of it. */
export interface Unmade {
  readonly kind: MutationKind;
  readonly linkTime: number;
  readonly original: string;
  readonly symbol?: string;
  /** A clause. */
  readonly reason: string;
}

export interface Mutants {
  readonly mutants: readonly Mutant[];
  readonly unmade: readonly Unmade[];
}

export interface MutantsOf {
  readonly image: { readonly bytes: Uint8Array; readonly loaded: Pick<LoadedImage, 'segments' | 'linkBase'> };
  readonly roles: readonly InstructionRoles[];
  readonly disassembler: Disassembler;
  /** `name+0x1c` for a link-time physical address. */
  readonly symbolAt?: (linkTime: number) => string | undefined;
}

/** The distance to the link-time address does not fit its 32 bits at this load base. */
export class MutantReachError extends Error {
  override readonly name = 'MutantReachError';
  constructor({ linkTime, original }: Mutant, loadBase: number) {
    super(
      `at load base ${hex(loadBase)}, ${original} at ${hex(linkTime)} does not reach its link-time address; try a lower base`,
    );
  }
}

/** @throws MutantUnchangedError, MutantProofError where an edit is not what it should be: a defect of the rules. */
export function mutantsOf(request: MutantsOf): Mutants {
  const mutants: Mutant[] = [];
  const unmade: Unmade[] = [];
  for (const roles of request.roles) {
    const found = sourceOf(request, roles);
    if (!found) continue;
    const { instruction, imageOffset } = found;
    for (const attempt of attempts({ instruction, roles, site: siteOf(instruction, roles) })) {
      const common = commonOf(request, instruction, attempt);
      const result = withChangedBytes(attempt, instruction, roles);
      if (!isEdit(result)) unmade.push({ ...common, reason: result.reason });
      else {
        const { bitness, count } = roles.instruction;
        const mutated = requireMutated(request.disassembler, { instruction, bitness, edit: result });
        const refersTo = named(instruction);
        mutants.push({
          ...{ ...common, imageOffset, bitness, count, mutated, edit: result },
          ...(refersTo !== undefined && { refersTo }),
        });
      }
    }
  }
  return { mutants, unmade };
}

/**
 * What a mutant changes in the image for a boot at a load base.
 * @param off added to what the instruction computes, where the mutant has `edit.resultAt` or it is a `lea`'s distance: any
 * other wrong value
 * @throws MutantReachError
 */
export function changesAt(mutant: Mutant, loadBase: number, linkBase: number, off = 0): ImageChange[] {
  const { bytes: edited, distanceAt, resultAt } = mutant.edit;
  const bytes = Buffer.from(edited);
  if (distanceAt !== undefined) {
    const distance = bytes.readInt32LE(distanceAt) - (loadBase - linkBase) + off;
    if ((distance | 0) !== distance) throw new MutantReachError(mutant, loadBase);
    bytes.writeInt32LE(distance, distanceAt);
  } else if (resultAt !== undefined) bytes.writeInt32LE((bytes.readInt32LE(resultAt) + off) | 0, resultAt);
  return [{ imageOffset: mutant.imageOffset, bytes }];
}

/** Whether another wrong value can be tried: nothing but a register's value comes of it. */
export function hasResultOnly({ edit, original }: Mutant): boolean {
  return edit.resultAt !== undefined || (edit.distanceAt !== undefined && original.startsWith('lea'));
}

/** As the image file has it. Where the image has none in its file, as in BSS, it was made while it ran. */
function sourceOf(
  { image, disassembler }: MutantsOf,
  { instruction: { linkTime, bitness } }: InstructionRoles,
) {
  const segment = image.loaded.segments.find(
    ({ paddr, filesz }) => BigInt(linkTime) >= paddr && BigInt(linkTime) < paddr + BigInt(filesz),
  );
  if (!segment) return undefined;
  const imageOffset = segment.offset + linkTime - Number(segment.paddr);
  const bytes = image.bytes.subarray(imageOffset, imageOffset + 15);
  const [instruction] = disassembler.decode(bytes, { bitness, address: BigInt(linkTime), limit: 1 });
  return instruction && { instruction, imageOffset };
}

function siteOf(
  { bytes, address, length }: Instruction,
  { instruction: { bitness } }: InstructionRoles,
): Site {
  return { bytes, bitness, next: Number(address) + length };
}

function commonOf({ symbolAt }: MutantsOf, { address, text }: Instruction, { kind }: Attempt) {
  const linkTime = Number(address);
  const symbol = symbolAt?.(linkTime);
  return { kind, linkTime, original: text, ...(symbol !== undefined && { symbol }) };
}

/** What the image itself writes over before it is executed, as a trampoline's addresses, must stay as it is. */
function withChangedBytes({ result }: Attempt, { bytes }: Instruction, { instruction }: InstructionRoles) {
  if (!isEdit(result)) return result;
  const isKept = bytes.every(
    (byte, at) => byte === instruction.bytes[at] || (result.bytes[at] === byte && !isField(result, at)),
  );
  return isKept ? result : { reason: 'the image changes its bytes before they are executed' };
}

/** With the base register dropped, or as it is relative to RIP at the link base. */
function named({ operands }: Instruction): number | undefined {
  const memory = operands.find((operand) => operand.kind === 'memory');
  return memory && Number(BigInt.asUintN(32, memory.ripRelative ?? memory.displacement));
}

function isField({ distanceAt = -4 }: Edit, at: number): boolean {
  return at >= distanceAt && at < distanceAt + 4;
}
