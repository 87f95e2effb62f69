/** What a check may look at: the stopped guest as registers, physical memory and the descriptor table register. */
import type { BootInformation } from '../multiboot2/boot-information.ts';

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

export interface DescriptorTableRegister {
  readonly base: bigint;
  readonly limit: number;
}

export interface GuestView {
  readonly registers: RegisterView;
  /** @throws where the address is beyond memory. */
  readPhysical(address: number, sizeBytes: number): Promise<Uint8Array>;
  /** GDTR; the gdbstub has no register for it, so it comes from the monitor. */
  readGdtr(): Promise<DescriptorTableRegister>;
}

/** One thing that was looked at. */
export interface Observation {
  readonly ok: boolean;
  readonly text: string;
}

/** What the loader handed over, kept from the entry checkpoint for the later ones. */
export interface HandOver {
  readonly information?: BootInformation;
  readonly informationAddress: number;
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
