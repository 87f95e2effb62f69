/** Where pages were found before, like a CPU's TLB: direct-mapped by linear address. */
import { PAGE_BYTES, type PhysicalPage } from './physical-memory.ts';

export const SLOTS = 1024;
/** No page begins at such an address. */
const NOTHING = 1;

/** Pages by the linear address of their first byte. */
export class TranslationCache {
  readonly low = new Int32Array(SLOTS).fill(NOTHING);
  readonly high = new Int32Array(SLOTS);
  readonly pages: (PhysicalPage | undefined)[] = new Array<PhysicalPage | undefined>(SLOTS).fill(undefined);
  readonly views: DataView[] = new Array<DataView>(SLOTS).fill(new DataView(new ArrayBuffer(PAGE_BYTES)));

  clear(): void {
    this.low.fill(NOTHING);
  }

  find(low: number, high: number): PhysicalPage | undefined {
    const slot = (low >>> 12) & (SLOTS - 1);
    return this.low[slot] === (low & -PAGE_BYTES) && this.high[slot] === high ? this.pages[slot] : undefined;
  }

  put(low: number, high: number, page: PhysicalPage): void {
    const slot = (low >>> 12) & (SLOTS - 1);
    this.low[slot] = low & -PAGE_BYTES;
    this.high[slot] = high;
    this.pages[slot] = page;
    this.views[slot] = page.view;
  }
}
