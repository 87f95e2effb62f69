import { createHash } from 'node:crypto';
import t from 'tap';
import type { LoadedImage } from '../multiboot2/loaded-image.ts';
import { memoryWithImage } from '../replay/loaded-memory.ts';
import { HEADER } from '../trace/testdata/trace-builder.ts';
import { imageFacts } from './image-facts.ts';

const segment = { paddr: 0x20_0000n, vaddr: 0n, offset: 4, filesz: 6, memsz: 0x20, flags: 7, align: 16 };
const loaded = { linkBase: 0x20_0000, loadSize: 0x20, segments: [segment] } as unknown as LoadedImage;
const file = Uint8Array.from({ length: 12 }, (_, index) => index);

t.test('segments where they are now; what was changed before the boot, byte runs of it', (t) => {
  const booted = file.slice();
  booted.set([0xaa, 0xbb], 5);
  booted[11] = 0xcc;
  const facts = imageFacts({ name: 'xen', file, booted, loaded, loadBase: 0x3e0_0000 });
  t.match(facts, {
    imageSha256: createHash('sha256').update(file).digest('hex'),
    ...{ imageSizeBytes: 12, linkBase: 0x20_0000, loadBase: 0x3e0_0000 },
    changes: [
      { imageOffset: 5, bytes: 'aabb' },
      { imageOffset: 11, bytes: 'cc' },
    ],
    segments: [{ physicalAddress: 0x3e0_0000, imageOffset: 4, fileSizeBytes: 6, memorySizeBytes: 0x20 }],
  });
  const memory = memoryWithImage({ ...HEADER, subject: facts }, file);
  t.same([...memory.read(0x3e0_0000, 8)], [4, 0xaa, 0xbb, 7, 8, 9, 0, 0], 'and a replay loads that');
  t.end();
});

t.test('an image that was booted as it is', (t) => {
  t.same(imageFacts({ name: 'xen', file, booted: file, loaded, loadBase: 0x20_0000 }).changes, []);
  t.end();
});
