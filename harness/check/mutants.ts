/**
 * The image with one base forgotten, in every place where it could be: for each executed instruction that uses the base or
 * computes a base-relative value, the bytes that make it work at the link base only. Pure.
 */
import { hex } from '../bits/hex.ts';
import type { LoadedImage } from '../multiboot2/loaded-image.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Instruction } from '../x86/instruction.ts';
import type { ImageCopy } from './executed-instructions.ts';
import type { ImageChange } from './image-pages.ts';
import { type Edit, isEdit, type Site } from './mutant-edits.ts';
import { type Attempt, attempts, type MutationKind } from './mutation-rules.ts';
import { generalIndex, type InstructionRoles } from './mutant-roles.ts';
import { FLAGS } from './unread-values.ts';
import { requireMutated } from './mutant-proof.ts';

/** Plain data, so that workers can be sent it; {@link changesAt} says what it does to the image. */
export interface Mutant {
  readonly kind: MutationKind;
  /** Link-time physical address of the instruction. */
  readonly linkTime: number;
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
  /** Physical addresses to which the image itself copies it. */
  readonly copiedTo: readonly number[];
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
  /** Of what is computed and read by nothing: there is no base that could be forgotten. */
  readonly dead: readonly Unmade[];
}

export interface MutantsOf {
  readonly image: { readonly bytes: Uint8Array; readonly loaded: Pick<LoadedImage, 'segments' | 'linkBase'> };
  readonly roles: readonly InstructionRoles[];
  readonly disassembler: Disassembler;
  /** Left out: none. */
  readonly copies?: readonly ImageCopy[];
  /** `name+0x1c` for a link-time physical address. */
  readonly symbolAt?: (linkTime: number) => string | undefined;
}

const UNREAD = 'nothing reads its result: the register is overwritten first, on the whole way to the end';

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
  const dead: Unmade[] = [];
  for (const roles of request.roles) {
    const instruction = sourceOf(request, roles);
    if (!instruction) continue;
    for (const attempt of attempts({ instruction, roles, site: siteOf(instruction, roles) })) {
      const common = commonOf(request, instruction, attempt);
      const result = withChangedBytes(attempt, instruction, roles);
      if (isUnread(instruction, roles)) dead.push({ ...common, reason: UNREAD });
      else if (!isEdit(result)) unmade.push({ ...common, reason: result.reason });
      else {
        const { bitness, count } = roles.instruction;
        const mutated = requireMutated(request.disassembler, { instruction, bitness, edit: result });
        const refersTo = named(instruction);
        mutants.push({
          ...{ ...common, bitness, count, mutated, edit: result, copiedTo: copiedTo(request, common) },
          ...(refersTo !== undefined && { refersTo }),
        });
      }
    }
  }
  return { mutants, unmade, dead };
}

/** What a mutant changes in the image for a boot at a load base. @throws MutantReachError */
export function changesAt(mutant: Mutant, loadBase: number, linkBase: number): ImageChange[] {
  const { bytes: edited, distanceAt } = mutant.edit;
  const bytes = Buffer.from(edited);
  if (distanceAt !== undefined) {
    const distance = bytes.readInt32LE(distanceAt) - (loadBase - linkBase);
    if ((distance | 0) !== distance) throw new MutantReachError(mutant, loadBase);
    bytes.writeInt32LE(distance, distanceAt);
  }
  return [{ offset: mutant.linkTime - linkBase, bytes, copiedTo: mutant.copiedTo }];
}

/** Those do nothing but leave a value in a register, and status flags. */
const VALUED = new Set(['lea', 'add', 'sub', 'and', 'or', 'xor', 'inc', 'dec']);

/** Whether nothing reads what it computes, nor flags that it sets. */
function isUnread({ mnemonic, operands }: Instruction, { instruction }: InstructionRoles): boolean {
  const [destination, source] = operands;
  const index = destination?.kind === 'register' ? generalIndex(destination.register) : undefined;
  if (index === undefined || !VALUED.has(mnemonic)) return false;
  // What looks at memory has another effect: that it looks there.
  if (mnemonic !== 'lea' && source?.kind === 'memory') return false;
  return (instruction.readBits & ((1 << index) | (1 << FLAGS))) === 0;
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
  return instruction;
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

function copiedTo({ copies = [] }: MutantsOf, { linkTime }: { readonly linkTime: number }): number[] {
  return copies
    .filter((copy) => linkTime >= copy.linkTime && linkTime < copy.linkTime + copy.sizeBytes)
    .map((copy) => copy.address + linkTime - copy.linkTime);
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
