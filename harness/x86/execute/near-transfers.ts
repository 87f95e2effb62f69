/** JMP, Jcc, CALL, RET, LOOP and JCXZ within the code segment (SDM 1 §6.3, 2A, 2B). */
import { CONDITIONS, isCarry, isZero } from '../state/flags.ts';
import { CS, GENERAL, LIMIT, RIP, segmentWord } from '../state/state-layout.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { generalProtection } from './guest-fault.ts';
import type { Build, Family, Operation, Setting } from './operation.ts';
import { suffixed } from './data-transfer.ts';
import { placeOf } from './places.ts';
import type { ExecutableInstruction } from '../instruction.ts';

const CODE_LIMIT = segmentWord(CS) + LIMIT;
const [RCX, RSP] = [GENERAL + 2, GENERAL + 2 * 4];

/** @throws GuestFault: #GP(0) beyond the code segment's limit, or where the address is not canonical. */
export function jumpTo(cpu: Cpu, low: number, high: number): void {
  const { words } = cpu;
  if (cpu.bitness === 64) {
    if (high !== (high << 16) >> 16) throw generalProtection();
    words[RIP] = low;
    words[RIP + 1] = high;
    return;
  }
  if (low >>> 0 > words[CODE_LIMIT]! >>> 0) throw generalProtection();
  words[RIP] = low;
  words[RIP + 1] = 0;
}

/** Moves the instruction pointer by a distance from behind the instruction. */
function jumpBy(cpu: Cpu, distance: number, operandBytes: number): void {
  const { words } = cpu;
  const from = words[RIP]!;
  const low = (from + distance) | 0;
  if (operandBytes === 8) {
    const carried = low >>> 0 < from >>> 0 ? 1 : 0;
    jumpTo(cpu, low, (words[RIP + 1]! + (distance >> 31) + carried) | 0);
  } else jumpTo(cpu, operandBytes === 2 ? low & 0xffff : low, 0);
}

interface Distance {
  /** From behind the instruction. */
  readonly distance: number;
  readonly operandBytes: number;
}

/** Branch targets were decoded as if the instruction were at address 0. */
function distanceOf(
  { operands, length, code }: ExecutableInstruction,
  { bitness }: Setting,
): Distance | undefined {
  const [operand] = operands;
  if (operand?.kind !== 'branch') return undefined;
  const operandBytes =
    code.endsWith('_64') || bitness === 64 ? 8 : /_16$|rel16$/.test(code) ? 2 : bytesOf(code, bitness);
  const bits = operandBytes * 8;
  return { distance: Number(BigInt.asIntN(bits, operand.target - BigInt(length))), operandBytes };
}

/** `Jmp_rel8_16` and `Je_rel8_32` end with the operand size; `Loop_rel8_32_CX` has it in the middle. */
function bytesOf(code: string, bitness: Bitness): number {
  const bits = /_rel(?:8|16|32)_(16|32|64)/.exec(code)?.[1];
  return (bits === undefined ? bitness : Number(bits)) / 8;
}

const jump: Build = (instruction, setting) => {
  const target = distanceOf(instruction, setting);
  if (target) {
    const { distance, operandBytes } = target;
    return (cpu) => jumpBy(cpu, distance, operandBytes);
  }
  const place = nearPlace(instruction, setting);
  if (!place) return undefined;
  return (cpu) => {
    const low = place.read(cpu);
    jumpTo(cpu, low, place.size === 8 ? cpu.high : 0);
  };
};

/** A far transfer's operand is memory, too, of 4, 6 or 10 bytes: `Jmp_m1632`. */
function nearPlace({ operands, code }: ExecutableInstruction, { bitness }: Setting) {
  return /_m16(?:16|32|64)$/.test(code) ? undefined : placeOf(operands[0], bitness);
}

const call: Build = (instruction, setting) => {
  const target = distanceOf(instruction, setting);
  if (target) {
    const { distance, operandBytes } = target;
    return (cpu) => {
      const { words } = cpu;
      const [pointer, pointerHigh] = [words[RSP]!, words[RSP + 1]!];
      cpu.push(operandBytes, words[RIP]!, words[RIP + 1]);
      try {
        jumpBy(cpu, distance, operandBytes);
      } catch (fault) {
        words[RSP] = pointer;
        words[RSP + 1] = pointerHigh;
        throw fault;
      }
    };
  }
  const place = nearPlace(instruction, setting);
  if (!place) return undefined;
  return (cpu) => {
    const { words } = cpu;
    const low = place.read(cpu);
    const high = place.size === 8 ? cpu.high : 0;
    const [pointer, pointerHigh] = [words[RSP]!, words[RSP + 1]!];
    cpu.push(place.size, words[RIP]!, words[RIP + 1]);
    try {
      jumpTo(cpu, low, high);
    } catch (fault) {
      words[RSP] = pointer;
      words[RSP + 1] = pointerHigh;
      throw fault;
    }
  };
};

const returnNear: Build = ({ operands, code }) => {
  const [extra] = operands;
  const sizeBytes = code.startsWith('Retnw') ? 2 : code.startsWith('Retnd') ? 4 : 8;
  const more = extra?.kind === 'immediate' ? Number(extra.value) : 0;
  return (cpu) => {
    const low = cpu.peek(sizeBytes);
    jumpTo(cpu, low, cpu.high);
    cpu.drop(sizeBytes + more);
  };
};

const conditionalJump =
  (suffix: string): Build =>
  (instruction, setting) => {
    const condition = CONDITIONS[suffix];
    const target = distanceOf(instruction, setting);
    if (!condition || !target) return undefined;
    const { distance, operandBytes } = target;
    const usual = USUAL_CONDITIONS[suffix];
    if (usual) return usual(distance, operandBytes);
    return (cpu) => {
      if (condition(cpu.words)) jumpBy(cpu, distance, operandBytes);
    };
  };

/** The same, without a call for the condition: loops end with these. */
const USUAL_CONDITIONS: Readonly<Record<string, (distance: number, operandBytes: number) => Operation>> = {
  e: (distance, operandBytes) => (cpu) => {
    if (isZero(cpu.words)) jumpBy(cpu, distance, operandBytes);
  },
  ne: (distance, operandBytes) => (cpu) => {
    if (!isZero(cpu.words)) jumpBy(cpu, distance, operandBytes);
  },
  b: (distance, operandBytes) => (cpu) => {
    if (isCarry(cpu.words)) jumpBy(cpu, distance, operandBytes);
  },
  ae: (distance, operandBytes) => (cpu) => {
    if (!isCarry(cpu.words)) jumpBy(cpu, distance, operandBytes);
  },
};

/** Of the count register: CX, ECX or RCX, by the address size that the encoding's name ends with. */
function counterBytes(code: string): number {
  return code.endsWith('_RCX') ? 8 : code.endsWith('_ECX') ? 4 : 2;
}

function isCounterZero({ words }: Cpu, sizeBytes: number): boolean {
  if (sizeBytes === 2) return (words[RCX]! & 0xffff) === 0;
  return words[RCX] === 0 && (sizeBytes === 4 || words[RCX + 1] === 0);
}

function countDown({ words }: Cpu, sizeBytes: number): void {
  const low = words[RCX]!;
  if (sizeBytes === 2) words[RCX] = (low & ~0xffff) | ((low - 1) & 0xffff);
  else {
    words[RCX + 1] = sizeBytes === 4 ? 0 : (words[RCX + 1]! - (low === 0 ? 1 : 0)) | 0;
    words[RCX] = (low - 1) | 0;
  }
}

const loop =
  (also: (words: Int32Array) => boolean): Build =>
  (instruction, setting) => {
    const target = distanceOf(instruction, setting);
    if (!target) return undefined;
    const { distance, operandBytes } = target;
    const sizeBytes = counterBytes(instruction.code);
    return (cpu) => {
      countDown(cpu, sizeBytes);
      if (!isCounterZero(cpu, sizeBytes) && also(cpu.words)) jumpBy(cpu, distance, operandBytes);
    };
  };

const jumpIfCounterZero =
  (sizeBytes: number): Build =>
  (instruction, setting) => {
    const target = distanceOf(instruction, setting);
    if (!target) return undefined;
    const { distance, operandBytes } = target;
    return (cpu) => {
      if (isCounterZero(cpu, sizeBytes)) jumpBy(cpu, distance, operandBytes);
    };
  };

export const NEAR_TRANSFER_FAMILY: Family = {
  ...suffixed('j', conditionalJump),
  jmp: jump,
  call,
  ret: returnNear,
  loop: loop(() => true),
  loope: loop(isZero),
  loopne: loop((words) => !isZero(words)),
  jcxz: jumpIfCounterZero(2),
  jecxz: jumpIfCounterZero(4),
  jrcxz: jumpIfCounterZero(8),
};
