/** Instructions with the roles of their registers said, not found. */
import { GENERAL_NAMES } from '../../x86/state/state-layout.ts';
import { loadDisassembler } from '../../x86/disassembler.ts';
import type { Bitness } from '../../x86/execute/cpu.ts';
import { RegisterSamples } from '../executed-instructions.ts';
import { generalIndex, type InstructionRoles, type Role } from '../mutant-roles.ts';
import { type Mutants, mutantsOf } from '../mutants.ts';

export const LINK_BASE = 0x20_0000;
export const disassembler = await loadDisassembler();

/** `base`, a link-time address, or `varies`. */
export type Said = Readonly<Record<string, 'base' | 'varies' | number>>;

export interface Case {
  readonly bitness: Bitness;
  /** Hexadecimal; spaces are ignored. */
  readonly code: string;
  readonly before?: Said;
  readonly after?: Said;
  /** Registers to which it adds the base. */
  readonly gains?: readonly string[];
  /** As executed; left out: as in the image. */
  readonly executed?: string;
  /** Where it ran; left out: 64 MiB − 2 MiB above where it was linked. */
  readonly linear?: bigint;
  /** Left out: all are. */
  readonly readBits?: number;
}

const bytesOf = (code: string) => Buffer.from(code.replaceAll(' ', ''), 'hex');

export function rolesOf({
  bitness,
  code,
  before,
  after,
  gains = [],
  executed,
  linear,
  readBits = 0x1_ffff,
}: Case): InstructionRoles {
  const bytes = Buffer.alloc(15);
  bytesOf(executed ?? code).copy(bytes);
  const samples = new RegisterSamples();
  return {
    instruction: {
      ...{ linkTime: LINK_BASE, bitness, bytes, count: 1, before: samples, after: samples, readBits },
      linear: linear ?? 0x3e0_0000n,
    },
    before: said(before),
    after: said(after),
    gains: GENERAL_NAMES.map((_, index) => gains.some((name) => generalIndex(name) === index)),
  };
}

function said(registers: Said = {}): Role[] {
  const roles = new Map(Object.entries(registers).map(([name, what]) => [generalIndex(name), roleOf(what)]));
  return GENERAL_NAMES.map((_, index) => roles.get(index) ?? { kind: 'other' });
}

function roleOf(what: Said[string]): Role {
  if (what === 'base') return { kind: 'base' };
  return { kind: 'relative', linkTime: what === 'varies' ? undefined : BigInt(what) };
}

/** Of an image that is this one instruction. */
export function mutantsOfCase(subject: Case): Mutants {
  const bytes = bytesOf(subject.code);
  const segment = { vaddr: BigInt(LINK_BASE), paddr: BigInt(LINK_BASE), offset: 0, filesz: bytes.length };
  const segments = [{ ...segment, type: 1, memsz: bytes.length, flags: 0, align: 1 }];
  return mutantsOf({
    image: { bytes, loaded: { linkBase: LINK_BASE, segments } },
    roles: [rolesOf(subject)],
    disassembler,
  });
}
