/** How a base can be forgotten, by what an instruction does with it. */
import type { Instruction, MemoryOperand, Operand } from '../x86/instruction.ts';
import {
  atLinkTime,
  compared,
  type Edit,
  immediate,
  type NoEdit,
  nothing,
  type Site,
  withoutRegister,
  zeroed,
} from './mutant-edits.ts';
import { generalIndex, type InstructionRoles, type Role } from './mutant-roles.ts';

/**
 * `operand`: a memory operand with the base register; `anchor`: one with a register that holds a base-relative address
 * always the same, as position-independent code has it; `relative`: one relative to RIP; `addition`: the base is added,
 * subtracted or compared; `copy`: it is moved; `computed`: the result is one base-relative value.
 */
export type MutationKind = 'operand' | 'anchor' | 'relative' | 'addition' | 'copy' | 'computed';

export interface Attempt {
  readonly kind: MutationKind;
  readonly result: Edit | NoEdit;
}

export interface Subject {
  /** As the image file has it. */
  readonly instruction: Instruction;
  readonly roles: InstructionRoles;
  readonly site: Site;
}

/** With a base of 0 these do nothing but set flags. */
const ADDITIVE = new Set(['add', 'sub', 'or', 'xor', 'adc', 'sbb']);
const COMPARING = new Set(['cmp', 'test']);
const COMPUTING = new Set(['add', 'sub', 'and', 'or', 'lea', 'inc', 'dec']);
const OTHER: Role = { kind: 'other' };

/** All that can be tried on an instruction; none where it has nothing to do with the base. */
export function attempts(subject: Subject): Attempt[] {
  const inOperand = operandAttempts(subject);
  const ofRegister = registerAttempt(subject);
  // A result that comes of an operand is as wrong as that.
  const computes = inOperand.length === 0 && !ofRegister;
  return [...inOperand, ...(ofRegister ? [ofRegister] : []), ...(computes ? resultAttempts(subject) : [])];
}

function roleOf(roles: readonly Role[], name: string | undefined): Role {
  const index = name === undefined ? undefined : generalIndex(name);
  return (index === undefined ? undefined : roles[index]) ?? OTHER;
}

function operandAttempts(subject: Subject): Attempt[] {
  // A no-op names memory and does not look at it.
  if (subject.instruction.mnemonic === 'nop') return [];
  return subject.instruction.operands
    .filter((operand) => operand.kind === 'memory')
    .flatMap((memory) => memoryAttempts(memory, subject));
}

function memoryAttempts(memory: MemoryOperand, { roles, site }: Subject): Attempt[] {
  if (memory.ripRelative !== undefined) {
    const isMoved = roles.instruction.linear !== BigInt(roles.instruction.linkTime);
    return site.bitness === 64 && isMoved && isLow(roles)
      ? [{ kind: 'relative', result: atLinkTime(site) }]
      : [];
  }
  const parts = ['base', 'index'] as const;
  const based = parts.filter((part) => roleOf(roles.before, memory[part]).kind === 'base');
  if (based.length === 0) return anchorAttempts(memory, { roles, site });
  return based.map((part) => ({ kind: 'operand', result: withoutRegister(site, memory, part, 0n) }));
}

/** Whether it ran in physical memory; in the high half an address relative to RIP is the same at every load base. */
function isLow({ instruction: { linear } }: InstructionRoles): boolean {
  return linear < 1n << 32n;
}

/** Only where there is room: elsewhere the register is a pointer, and where that was made is tried instead. */
function anchorAttempts(memory: MemoryOperand, { roles, site }: Omit<Subject, 'instruction'>): Attempt[] {
  const role = roleOf(roles.before, memory.base);
  if (role.kind !== 'relative' || role.linkTime === undefined) return [];
  const result = withoutRegister(site, memory, 'base', role.linkTime);
  return 'bytes' in result ? [{ kind: 'anchor', result }] : [];
}

/** The base as a register operand. */
function registerAttempt({ instruction, roles, site }: Subject): Attempt | undefined {
  const { mnemonic, operands } = instruction;
  const holdsBase = (operand: Operand | undefined) =>
    operand?.kind === 'register' && roleOf(roles.before, operand.register).kind === 'base';
  const [first, second] = operands;
  if (COMPARING.has(mnemonic) && (holdsBase(first) || holdsBase(second)))
    return { kind: 'addition', result: { reason: 'no rule says how to compare with 0 instead' } };
  if (mnemonic === 'push' && holdsBase(first))
    return { kind: 'copy', result: { reason: 'it has no room for a push of 0' } };
  if (!holdsBase(second)) return undefined;
  if (ADDITIVE.has(mnemonic)) return { kind: 'addition', result: nothing(site) };
  if (mnemonic !== 'mov') return { kind: 'copy', result: { reason: `no rule is written for ${mnemonic}` } };
  const destination = first?.kind === 'register' ? generalIndex(first.register) : undefined;
  // A store that is not done leaves what was linked there.
  if (first?.kind === 'memory') return { kind: 'copy', result: nothing(site) };
  return destination === undefined ? undefined : { kind: 'copy', result: zeroed(site, destination) };
}

function resultAttempts({ instruction, roles, site }: Subject): Attempt[] {
  const { mnemonic, operands } = instruction;
  const [destination] = operands;
  const index = destination?.kind === 'register' ? generalIndex(destination.register) : undefined;
  if (index === undefined || !COMPUTING.has(mnemonic)) return [];
  if (mnemonic === 'add' && roles.gains[index] && operands[1]?.kind === 'memory')
    return [{ kind: 'addition', result: compared(site) }];
  const role = roles.after[index] ?? OTHER;
  if (role.kind === 'other') return [];
  const linkTime = role.kind === 'base' ? 0n : role.linkTime;
  if (linkTime === undefined)
    return [{ kind: 'computed', result: { reason: 'what it computes is not always the same' } }];
  return [{ kind: 'computed', result: immediate(site, index, linkTime) }];
}
