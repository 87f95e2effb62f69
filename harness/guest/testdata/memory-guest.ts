import type { MachineState, SegmentState } from '../../multiboot2/machine-state-rules.ts';
import type { GuestView, RegisterView } from '../guest-view.ts';

type GeneralRegisters = Record<Exclude<keyof RegisterView, 'get'> | 'rsi', bigint>;

const PAGE = 4096;

/** A stopped guest in our own memory: registers that can be set, and sparse physical memory of 4 GiB. */
export class MemoryGuest implements GuestView {
  readonly #pages = new Map<number, Uint8Array>();
  readonly set: GeneralRegisters = {
    ...{ rax: 0n, rbx: 0n, rsi: 0n, rsp: 0n, rip: 0n, cs: 0n },
    ...{ cr0: 0n, cr3: 0n, cr4: 0n, efer: 0n },
  };
  gdtr: MachineState['gdtr'] = { base: 0n, limit: 0 };

  get registers(): RegisterView {
    const named = { ...this.set } as Record<string, bigint>;
    return { ...this.set, get: (name) => named[name] };
  }

  /** Flat segments as a loader leaves them: SDM 3A §3.4.5, type 0xa and 0x2. */
  async readMachineState(): Promise<MachineState> {
    const { cr0, cr4, efer, ...general } = this.set;
    const isLong = (efer & 0x400n) !== 0n;
    const segment = (flags: number): SegmentState => ({
      ...{ selector: 8, base: 0n, limit: 0xffff_ffff },
      flags,
    });
    const data = segment(0x00cf_9200);
    return {
      ...{ general, cr0, cr4, efer, rflags: isLong ? 0x202n : 2n, a20: true },
      ...{ gdtr: this.gdtr, idtr: { base: 0x8000n, limit: 0xfff }, fcw: 0x37f, mxcsr: 0x1f80 },
      segments: {
        ...{ es: data, ss: data, ds: data, fs: data, gs: data },
        cs: segment(isLong ? 0x00af_9a00 : 0x00cf_9a00),
      },
    };
  }

  async readPhysical(address: number, sizeBytes: number): Promise<Uint8Array> {
    return this.read(address, sizeBytes);
  }

  read(address: number, sizeBytes: number): Uint8Array {
    if (address < 0 || address + sizeBytes > 2 ** 32)
      throw new Error(`nothing at 0x${address.toString(16)}, 0x${sizeBytes.toString(16)} bytes`);
    const bytes = new Uint8Array(sizeBytes);
    for (let i = 0; i < sizeBytes; i++) bytes[i] = this.#page(address + i)[(address + i) % PAGE] ?? 0;
    return bytes;
  }

  write(address: number, bytes: Uint8Array): void {
    bytes.forEach((byte, i) => (this.#page(address + i)[(address + i) % PAGE] = byte));
  }

  writeU32(address: number, value: number): void {
    this.write(address, new Uint8Array(Uint32Array.of(value).buffer));
  }

  readU32(address: number): number {
    return new DataView(this.read(address, 4).buffer).getUint32(0, true);
  }

  writeU64(address: number, value: bigint): void {
    this.write(address, new Uint8Array(BigUint64Array.of(value).buffer));
  }

  readU64(address: number): bigint {
    return new DataView(this.read(address, 8).buffer).getBigUint64(0, true);
  }

  #page(address: number): Uint8Array {
    const number = Math.floor(address / PAGE);
    const page = this.#pages.get(number) ?? new Uint8Array(PAGE);
    this.#pages.set(number, page);
    return page;
  }
}
