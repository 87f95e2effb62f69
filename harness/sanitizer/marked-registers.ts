/** Which general registers hold an address that the image was linked with. A mark holds as long as the value is the same. */
import type { Cpu } from '../x86/execute/cpu.ts';
import { GENERAL } from '../x86/state/state-layout.ts';
import { isLinkTime, type Territory } from './territory.ts';

const COUNT = 16;

export class MarkedRegisters {
  readonly #cpu: Cpu;
  readonly #territory: Territory;
  readonly #marks = new Uint8Array(COUNT);
  readonly #values = new Int32Array(COUNT);

  constructor(cpu: Cpu, territory: Territory) {
    this.#cpu = cpu;
    this.#territory = territory;
  }

  /** @param index in the order of their encoding */
  isAddress(index: number): boolean {
    return this.#marks[index] !== 0 && this.#values[index] === this.low(index);
  }

  low(index: number): number {
    return this.#cpu.words[GENERAL + 2 * index]!;
  }

  /** The register was written. */
  store(index: number, isAddress: boolean): void {
    this.#marks[index] = isAddress && this.#isAddressLike(index) ? 1 : 0;
    this.#values[index] = this.low(index);
  }

  #isAddressLike(index: number): boolean {
    const { words, bitness } = this.#cpu;
    // Outside 64-bit mode high halves are not the program's.
    if (bitness === 64 && words[GENERAL + 2 * index + 1] !== 0) return false;
    return isLinkTime(this.#territory, this.low(index) >>> 0, 1);
  }
}
