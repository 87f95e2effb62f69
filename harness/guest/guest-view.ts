/** What a check may look at: the stopped guest as registers, physical memory and the descriptor table register. */
import { ByteReader } from '../bits/byte-reader.ts';
import type { MachineState } from '../multiboot2/machine-state-rules.ts';
import { encodeHex, hex } from '../bits/hex.ts';

/** General and control registers by their SDM names; 64 bits, unsigned, whatever the CPU mode. */
export interface RegisterView {
  readonly rax: bigint;
  readonly rbx: bigint;
  readonly rsp: bigint;
  readonly rip: bigint;
  readonly cs: bigint;
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** Any general register by its 64-bit name, e.g. the base register. */
  get(name: string): bigint | undefined;
}

/** The stopped guest's RAM below 4 GiB at memory speed, by physical address. */
export interface SharedRam {
  /** First address past it. */
  readonly lowSizeBytes: number;
  /**
   * @param into where the bytes go; absent: fresh memory.
   * @throws RangeError beyond it; likewise write.
   */
  read(address: number, sizeBytes: number, into?: Uint8Array): Promise<Uint8Array>;
  write(address: number, bytes: Uint8Array): Promise<void>;
  /** What was ever touched; the rest reads as zeros. */
  extents(): Promise<readonly { readonly start: number; readonly end: number }[]>;
}

/** Physical memory of a machine that does not run. */
export interface MemoryView {
  /** @throws where the address is beyond memory. */
  readPhysical(address: number, sizeBytes: number): Promise<Uint8Array>;
  /** Absent where the host cannot share it; readPhysical then is all there is. */
  readonly ram?: SharedRam;
}

export interface GuestView extends MemoryView {
  readonly registers: RegisterView;
  /** Hidden segment parts, descriptor tables and A20: the gdbstub has none of them, so they come from the monitor. */
  readMachineState(): Promise<MachineState>;
}

/** One thing that was looked at. */
export interface Observation {
  readonly ok: boolean;
  readonly text: string;
}

export function equal(what: string, seen: bigint | number, wanted: bigint | number): Observation {
  const ok = BigInt(seen) === BigInt(wanted);
  const show = (value: bigint | number) => `0x${value.toString(16)}`;
  return { ok, text: ok ? `${what} = ${show(seen)}` : `${what} is ${show(seen)}, not ${show(wanted)}` };
}

export function equalCount(what: string, seen: number, wanted: number): Observation {
  const ok = seen === wanted;
  return { ok, text: ok ? `${seen} ${what}` : `${seen} ${what}, not ${wanted}` };
}

export function equalText(what: string, seen: string | undefined, wanted: string): Observation {
  const ok = seen === wanted;
  return {
    ok,
    text: ok
      ? `${what} “${wanted}”`
      : `${what} is ${seen === undefined ? 'absent' : `“${seen}”`}, not “${wanted}”`,
  };
}

export function holds(ok: boolean, text: string, otherwise: string): Observation {
  return { ok, text: ok ? text : otherwise };
}

/** Bytes that must be those of the image file; where they are not, the text shows the first that differ. */
export function equalBytes(text: string, seen: Uint8Array, wanted: Uint8Array, address: number): Observation {
  const at = wanted.findIndex((byte, i) => seen[i] !== byte);
  const show = (bytes: Uint8Array) => encodeHex(bytes.subarray(at, at + 8));
  return holds(
    at < 0,
    text,
    `at ${hex(address + at)} stands ${show(seen)}…, not the image's ${show(wanted)}…`,
  );
}

/** @throws where the address is beyond memory. */
export async function readU32(guest: MemoryView, address: number): Promise<number> {
  return new ByteReader(await guest.readPhysical(address, 4), hex(address)).u32(0);
}
