/**
 * Where each thing that an instruction writes comes from: usually all that is read as data goes into all that is written; a
 * table has those for which that is too coarse. Flags, segment and system registers carry nothing.
 */
import type { ExecutableInstruction, Operand, RegisterName } from '../x86/instruction.ts';
import type { Access, Usage } from '../x86/usage.ts';
import { generalRegister } from '../x86/execute/registers.ts';
import { GENERAL } from '../x86/state/state-layout.ts';
import { ADDRESS_BYTES } from './marked-memory.ts';

/** A general register by its number, memory by its place in {@link Usage.memory}. */
export interface Target {
  readonly kind: 'register' | 'memory';
  readonly index: number;
}

/** Or a number in the instruction itself; `computed`: relative to the instruction pointer. */
export type Source =
  Target | { readonly kind: 'constant'; readonly value: bigint } | { readonly kind: 'computed' };

export interface Flow {
  readonly to: Target;
  /** What is written is an address where one of these is. */
  readonly from: readonly Source[];
  /** But not where this is one, too: the difference of two is none. */
  readonly minus?: Source;
  /** It may not come to the write: what is as it was keeps its mark. */
  readonly isConditional: boolean;
}

type MakeFlows = (instruction: ExecutableInstruction, usage: Usage) => readonly Flow[];

const register = (index: number): Target => ({ kind: 'register', index });
const memory = (index: number): Target => ({ kind: 'memory', index });
const always = (to: Target, ...from: readonly Source[]): Flow => ({ to, from, isConditional: false });

const [SP, BP] = [4, 5];
/** SDM 2B PUSHA, POPA, which skips the stack pointer. */
const POPPED = [7, 6, 5, 3, 2, 1, 0];

/** Too coarse would be: that one of two addresses is copied into both. */
const EXACT: Readonly<Record<string, MakeFlows>> = {
  xchg: exchanged,
  sub: difference,
  sbb: difference,
  lea: effectiveAddress,
  call: (_, usage) => [...adjusted(usage, []), ...memoryWrites(usage, [{ kind: 'computed' }])],
  leave: () => [always(register(SP), register(BP)), always(register(BP), memory(0))],
  enter: () => [always(memory(0), register(BP)), always(register(BP), register(SP))],
  ...both(['pusha', 'pushad'], (_, usage) => usage.memory.map((_, at) => always(memory(at), register(at)))),
  ...both(['popa', 'popad'], () => POPPED.map((to, at) => always(register(to), memory(at)))),
};

/** What they write is a number from outside, or one that no longer says where something is. */
const NUMBERS =
  /^(i?mul|i?div|sh[lr]d?|sa[lr]|ro[lr]|rc[lr]|neg|not|popcnt|bs[fr]|[lt]zcnt|cpuid|rdmsr|rdtscp?|in|lar|lsl|smsw|s[gil]dt|str)$/;
/** Their immediates may be addresses; those of `and`, `test`, `shl` are masks and counts. */
const WITH_ADDRESSES = /^(mov|push|add|or)$/;
const STRING = /^(movs|stos|lods|ins|cmps|scas|outs)[bwdq]$/;

export function flowsOf(instruction: ExecutableInstruction, usage: Usage): readonly Flow[] {
  const { mnemonic } = instruction;
  const exact = Object.hasOwn(EXACT, mnemonic) ? EXACT[mnemonic] : undefined;
  return exact ? exact(instruction, usage) : plain(instruction, usage);
}

const plain: MakeFlows = (instruction, usage) => {
  const { mnemonic, operands } = instruction;
  const sources = NUMBERS.test(mnemonic) ? [] : [...dataRead(instruction, usage), ...constants(instruction)];
  const isString = STRING.test(mnemonic) && operands.some(({ kind }) => kind === 'memory');
  const explicit = operands.flatMap((operand, at) => registerWrite(operand, usage.operands[at]!, sources));
  const named = new Set(operands.map(nameOf));
  const addresses = addressRegisters(usage);
  const implicit = usage.registers
    .filter(({ register: name, writes }) => writes && !named.has(name) && !addresses.has(name) && !isString)
    .flatMap((used) => registerWrite({ kind: 'register', register: used.register }, used, sources));
  const done = new Set([...explicit, ...implicit].map(({ to }) => to.index));
  return [...adjusted(usage, done), ...explicit, ...implicit, ...memoryWrites(usage, sources)];
};

/** Registers and memory that are read not to make an address of them. */
function dataRead({ operands }: ExecutableInstruction, usage: Usage): Source[] {
  const addresses = addressRegisters(usage);
  const named = new Set(operands.map(nameOf));
  const explicit = operands.filter((_, at) => usage.operands[at]!.reads).flatMap(registerSource);
  const implicit = usage.registers
    .filter(({ register: name, reads }) => reads && !named.has(name) && !addresses.has(name))
    .flatMap(registerSource);
  const fromMemory = usage.memory.flatMap(({ reads }, at) => (reads ? [memory(at)] : []));
  return [...explicit, ...implicit, ...fromMemory];
}

function constants({ mnemonic, operands }: ExecutableInstruction): Source[] {
  if (!WITH_ADDRESSES.test(mnemonic)) return [];
  const isCopy = mnemonic === 'mov' || mnemonic === 'push';
  return operands.flatMap((operand) => (operand.kind === 'immediate' ? constant(operand.value, isCopy) : []));
}

/** A power of two that is added or set is the size of something or a flag: 0x200000 is both a large page and EFLAGS.ID. */
function constant(value: bigint, isCopy: boolean): Source[] {
  return !isCopy && (value & (value - 1n)) === 0n ? [] : [{ kind: 'constant', value }];
}

function exchanged({ operands }: ExecutableInstruction): readonly Flow[] {
  const [first, second] = operands.map((operand) =>
    operand.kind === 'memory' ? memory(0) : registerSource(operand)[0],
  );
  if (!first || !second) return [];
  return [always(first, second), always(second, first)];
}

function difference(instruction: ExecutableInstruction, usage: Usage): readonly Flow[] {
  const [first, second] = instruction.operands.map((operand): Source | undefined => {
    if (operand.kind === 'memory') return memory(0);
    return operand.kind === 'immediate' ? constant(operand.value, false)[0] : registerSource(operand)[0];
  });
  return plain(instruction, usage).map((flow) => ({
    ...flow,
    from: first ? [first] : [],
    ...(second && { minus: second }),
  }));
}

function effectiveAddress({ operands: [target, address] }: ExecutableInstruction): readonly Flow[] {
  if (address?.kind !== 'memory') return [];
  const { base, index, displacement, ripRelative } = address;
  const isAlone = base === undefined && index === undefined;
  const sources: Source[] =
    ripRelative === undefined
      ? [...[base, index].flatMap(sourceNamed), ...constant(BigInt.asUintN(64, displacement), isAlone)]
      : [{ kind: 'computed' }];
  return registerWrite(target!, { writes: true, reads: false, isConditional: false }, sources);
}

/** The stack pointer, and what a string instruction walks with: what an address was stays one. */
function adjusted(usage: Usage, except: Iterable<number>): Flow[] {
  const done = new Set(except);
  const names = usage.registers.filter(({ writes }) => writes).flatMap(registerSource);
  const indexes = new Set(names.map(({ index }) => index).filter((index) => !done.has(index)));
  return [...indexes].map((index) => always(register(index), register(index)));
}

function registerWrite(
  operand: Operand,
  { writes, isConditional }: Access,
  sources: readonly Source[],
): Flow[] {
  if (operand.kind !== 'register' || !writes) return [];
  const found = partOf(operand.register);
  if (!found) return [];
  const to = register(found.index);
  // Of an address with another lowest byte or word remains an address.
  if (found.sizeBytes < ADDRESS_BYTES) return [always(to, to)];
  return [{ to, from: sources, isConditional }];
}

function memoryWrites(usage: Usage, sources: readonly Source[]): Flow[] {
  return usage.memory.flatMap(({ reads, writes, operand, isConditional }, at) => {
    if (!writes) return [];
    // A byte that was changed, not replaced, is still a part of what it was.
    if (operand.sizeBytes < ADDRESS_BYTES) return [always(memory(at), ...(reads ? [memory(at)] : []))];
    return [
      { to: memory(at), from: isConditional ? [...sources, memory(at)] : sources, isConditional: false },
    ];
  });
}

function addressRegisters(usage: Usage): ReadonlySet<RegisterName> {
  return new Set(
    usage.memory.flatMap(({ operand }) => [operand.base, operand.index].filter((name) => name !== undefined)),
  );
}

const nameOf = (operand: Operand): RegisterName | undefined =>
  operand.kind === 'register' ? operand.register : undefined;

const sourceNamed = (name: RegisterName | undefined): Target[] => registerSource({ register: name });

/** Numbers of fewer bytes are no addresses. */
function registerSource(used: Operand | { readonly register: RegisterName | undefined }): Target[] {
  const found = 'register' in used ? partOf(used.register) : undefined;
  return found && found.sizeBytes >= ADDRESS_BYTES ? [register(found.index)] : [];
}

function partOf(name: RegisterName | undefined): { index: number; sizeBytes: number } | undefined {
  const part = name === undefined || /^[er]ip$/.test(name) ? undefined : generalRegister(name);
  return part && { index: (part.word - GENERAL) / 2, sizeBytes: part.size };
}

function both(names: readonly string[], make: MakeFlows): Record<string, MakeFlows> {
  return Object.fromEntries(names.map((name) => [name, make]));
}
