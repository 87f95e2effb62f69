/** A small relocatable kernel as a subject, and the guest at its first instruction as a good loader leaves it. */
import { MemoryGuest } from '../../guest/testdata/memory-guest.ts';
import type { LoaderReport } from '../../grub/console.ts';
import {
  header,
  image,
  information,
  RELOCATABLE,
  type BuiltTag,
} from '../../multiboot2/testdata/image-builder.ts';
import { MEMORY_MAP as MAP_TAG } from '../../multiboot2/testdata/sound-information.ts';
import { parseBootImage, type BootImage } from '../../subject/boot-image.ts';
import type { SubjectFacts } from '../../subject/loaded-subject.ts';
import { MEMORY_MAP } from './fake-run.ts';

export const LOAD_BASE = 0x60_0000;
export const INFORMATION = 0x10_0000;
const LOADER_NAME = 'GRUB 2.06-fake';

/** `image-builder.ts` sets the entry to the first byte. */
export function kernelImage(tags: readonly BuiltTag[] = [RELOCATABLE]): BootImage {
  return parseBootImage(image(header(tags)));
}

export function factsOf(kernel: BootImage = kernelImage()): SubjectFacts {
  return {
    ...{ called: 'the kernel', image: kernel, symbols: undefined, firmware: 'bios', protocol: 'multiboot2' },
    ...{ relocatingLoader: true, loaderName: LOADER_NAME, arguments: 'a=1', moduleCount: 0, modules: [] },
  };
}

export const REPORT: LoaderReport = {
  ...{ choice: 'small', memoryMap: MEMORY_MAP, loadBase: LOAD_BASE, relocatable: true, errors: [] },
};

const text = (value: string): Uint8Array => Buffer.from(`${value}\0`);

export const GOOD_TAGS: readonly BuiltTag[] = [
  { type: 21, payload: [LOAD_BASE] },
  { type: 1, payload: text('a=1') },
  { type: 2, payload: text(LOADER_NAME) },
  MAP_TAG([0, 0x9fc00, 1], [0xf_0000, 0x1_0000, 2], [0x10_0000, 0x3f0_0000, 1]),
  { type: 4, payload: [639, 0x3f00 * 4] },
];

export function guestAtEntry(kernel: BootImage = kernelImage()): MemoryGuest {
  const guest = new MemoryGuest();
  const { loaded, bytes } = kernel;
  for (const { offset, filesz, paddr } of loaded.segments)
    guest.write(Number(paddr) - loaded.linkBase + LOAD_BASE, bytes.subarray(offset, offset + filesz));
  guest.write(INFORMATION, information(GOOD_TAGS));
  Object.assign(guest.set, {
    rax: 0x36d7_6289n,
    rbx: BigInt(INFORMATION),
    cr0: 0x11n,
    rip: BigInt(LOAD_BASE),
  });
  guest.gdtr = { base: 0x1000n, limit: 0x20 };
  return guest;
}
