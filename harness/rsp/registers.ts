/**
 * The reply to `g` of an x86-64 stub, decoded. QEMU sends 64-bit registers in every CPU mode (608 bytes in 7.2) and
 * zero-extends what the mode does not have.
 */
import { RspProtocolError } from './errors.ts';
import type { RegisterSlot } from './target-description.ts';

const GENERAL = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const;
const EXTENDED = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
const SELECTORS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;
const BASES = ['fs_base', 'gs_base', 'k_gs_base'] as const;
const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'] as const;

/** The names of QEMU's target description (gdb-xml/i386-64bit.xml); selectors are selectors, not bases. */
export const X86_REGISTER_NAMES = [
  ...GENERAL,
  ...EXTENDED,
  'rip',
  'eflags',
  ...SELECTORS,
  ...BASES,
  ...CONTROL,
] as const;

export type X86RegisterName = (typeof X86_REGISTER_NAMES)[number];

/** Unsigned values by name. */
export interface X86Registers extends Readonly<Record<X86RegisterName, bigint>> {
  /** Any of them by name; undefined where it is none. */
  get(name: string): bigint | undefined;
}

/**
 * @param hex the reply to `g`: two digits a byte, little-endian, registers one after another.
 * @throws RspProtocolError where the reply is no hexadecimal, is too short, or the target is no x86-64.
 */
export function decodeX86Registers(hex: string, slots: readonly RegisterSlot[]): X86Registers {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex))
    throw new RspProtocolError('registers that are no bytes', hex.slice(0, 80));
  const bytes = Buffer.from(hex, 'hex');
  const byName = new Map(slots.map((slot) => [slot.name, slot]));
  const values = new Map(
    X86_REGISTER_NAMES.map((name) => [name as string, valueOf(byName.get(name), name, bytes)]),
  );
  const get = (name: string): bigint | undefined => values.get(name);
  return { ...(Object.fromEntries(values) as Record<X86RegisterName, bigint>), get };
}

function valueOf(slot: RegisterSlot | undefined, name: string, bytes: Buffer): bigint {
  if (slot === undefined) throw new RspProtocolError(`the stub has no register ${name}; is it x86-64?`);
  const { offsetBytes, sizeBytes } = slot;
  if (offsetBytes + sizeBytes > bytes.length)
    throw new RspProtocolError(`the reply to g holds ${bytes.length} bytes and ends before ${name}`);
  if (sizeBytes === 8) return bytes.readBigUInt64LE(offsetBytes);
  if (sizeBytes <= 6) return BigInt(bytes.readUIntLE(offsetBytes, sizeBytes));
  throw new RspProtocolError(`register ${name} has ${sizeBytes} bytes; is it x86-64?`);
}
