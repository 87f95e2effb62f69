/** That an edit is what it should be: decoded anew, it is another instruction of the same length without the base. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import type { Instruction } from '../x86/instruction.ts';
import type { Edit } from './mutant-edits.ts';

/** A mutant that is the image itself would survive whatever is looked at. */
export class MutantUnchangedError extends Error {
  override readonly name = 'MutantUnchangedError';
  constructor({ text, address }: Instruction) {
    super(
      `the mutant of ${text} at ${hex(address)} is the instruction itself; correct harness/check/mutant-edits.ts`,
    );
  }
}

/** Some other instruction came out than a rule meant. */
export class MutantProofError extends Error {
  override readonly name = 'MutantProofError';
  constructor({ text, address }: Instruction, bytes: Uint8Array, what: string) {
    super(
      `the mutant ${encodeHex(bytes)} of ${text} at ${hex(address)} ${what}; correct harness/check/mutant-edits.ts`,
    );
  }
}

export interface Claim {
  readonly instruction: Instruction;
  readonly bitness: Bitness;
  readonly edit: Edit;
}

/** What may stand for another: see the edits `zeroed`, `immediate` and `compared`. */
const REPLACEMENTS: ReadonlySet<string> = new Set(['nop', 'mov', 'xor', 'cmp']);

/** @returns its text. @throws MutantUnchangedError, MutantProofError */
export function requireMutated(disassembler: Disassembler, { instruction, bitness, edit }: Claim): string {
  const { bytes, distanceAt } = edit;
  const { address, length, mnemonic } = instruction;
  if (bytes.length !== length) throw new MutantProofError(instruction, bytes, `has not ${length} bytes`);
  const isSame = Buffer.compare(bytes, instruction.bytes) === 0;
  // The distance is taken anew at each load base.
  if (isSame && distanceAt === undefined) throw new MutantUnchangedError(instruction);
  const [first, ...rest] = disassembler.decode(bytes, { bitness, address });
  if (!first || rest.some((each) => each.mnemonic !== 'nop'))
    throw new MutantProofError(instruction, bytes, 'is not one instruction and no-ops');
  if (first.mnemonic !== mnemonic && !REPLACEMENTS.has(first.mnemonic))
    throw new MutantProofError(instruction, bytes, `is ${first.text}`);
  if (first.mnemonic === mnemonic && rest.length === 0 && distanceAt === undefined)
    requireFewerRegisters(instruction, first, bytes);
  return distanceAt === undefined ? first.text : `${first.text} that is always ${hex(reached(first))}`;
}

function reached({ operands }: Instruction): bigint {
  const memory = operands.find((operand) => operand.kind === 'memory');
  return memory?.ripRelative ?? 0n;
}

/** The operand lost a register and nothing else has become another. */
function requireFewerRegisters(before: Instruction, after: Instruction, bytes: Uint8Array): void {
  const [old, now] = [before, after].map(({ operands }) => operands.find(({ kind }) => kind === 'memory'));
  if (old?.kind !== 'memory') return;
  const registers = (operand: typeof old) =>
    [operand.base, operand.index].filter((name) => name !== undefined && name !== 'rip');
  if (now?.kind !== 'memory' || registers(now).length >= registers(old).length)
    throw new MutantProofError(before, bytes, `still has its registers: ${after.text}`);
  if (now.sizeBytes !== old.sizeBytes || after.operands.length !== before.operands.length)
    throw new MutantProofError(before, bytes, `has another operand: ${after.text}`);
}
