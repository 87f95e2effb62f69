/** A machine's RAM as an array of bytes. */
import type { SharedRam } from '../../guest/guest-view.ts';

export interface FakeRam extends SharedRam {
  readonly bytes: Uint8Array;
  /** Address and size of each read, since the test began. */
  readonly reads: [number, number][];
}

/** @param extents what was ever touched; default: all of it */
export function fakeRam(sizeBytes: number, extents = [{ start: 0, end: sizeBytes }]): FakeRam {
  const bytes = new Uint8Array(sizeBytes);
  const reads: [number, number][] = [];
  const mustBeThere = (address: number, size: number) => {
    if (address < 0 || address + size > sizeBytes) throw new RangeError(`${address} is beyond RAM`);
  };
  return {
    ...{ bytes, reads, lowSizeBytes: sizeBytes },
    read: async (address, size, into = new Uint8Array(size)) => {
      mustBeThere(address, size);
      reads.push([address, size]);
      into.set(bytes.subarray(address, address + size));
      return into;
    },
    write: async (address, data) => {
      mustBeThere(address, data.length);
      bytes.set(data, address);
    },
    extents: async () => extents,
  };
}
