import t from 'tap';
import { smallProfile } from '../profile/testdata/small-profile.ts';
import type { HeaderTag } from '../multiboot2/header-tags.ts';
import type { BootImage } from '../subject/boot-image.ts';
import { servedBases } from './served-bases.ts';

const PLACE = { offset: 0, size: 8, required: false };
const KEEPS = { ...PLACE, type: 'efiBootServices' } as const;
const ENTRY = { ...PLACE, type: 'entryAddressEfi64', entryAddr: 0 } as const;
const imageWith = (tags: readonly HeaderTag[]) =>
  ({ header: { tags }, loaded: { loadSize: 0x1000 } }) as BootImage;
const IMAGE = imageWith([KEEPS, ENTRY]);
const occupied = (start: string, end: string, what = 'boot information') => ({
  occupied: [{ start, end, what }],
});
const low = smallProfile(occupied('0x100000', '0x101000'));
const high = smallProfile(occupied('0x8000000', '0x9000000', 'memory of the firmware'));

void t.test('a machine’s own memory is left alone', (t) => {
  t.same(servedBases([low], ['bios'], [0x10_0000, 0x10_1000, 0x20_0000], IMAGE), {
    served: [{ entry: 'bios', bases: [0x10_1000, 0x20_0000] }],
    unserved: [
      { entry: 'bios', bases: [0x10_0000], because: { kind: 'occupied', by: ['boot information'] } },
    ],
  });
  t.same(servedBases([low], ['bios'], [0x0f_f000, 0x0f_f001], IMAGE).served, [
    { entry: 'bios', bases: [0x0f_f000] },
  ]);
  t.end();
});

void t.test('another machine serves where the first does not', (t) => {
  const { served, unserved } = servedBases([low, high], ['bios'], [0x10_0000, 0x800_0000], IMAGE);
  t.same(served, [{ entry: 'bios', bases: [0x10_0000, 0x800_0000] }]);
  t.same(unserved, []);
  t.end();
});

void t.test('no machine of this firmware', (t) => {
  t.same(servedBases([low], ['efi'], [0x20_0000], IMAGE), {
    served: [{ entry: 'efi', bases: [] }],
    unserved: [{ entry: 'efi', bases: [0x20_0000], because: { kind: 'no machine' } }],
  });
  t.end();
});

void t.test('an image that 64-bit firmware does not enter by itself', (t) => {
  for (const tags of [[], [KEEPS], [ENTRY]]) {
    const { served, unserved } = servedBases([low], ['bios', 'efi'], [0x20_0000], imageWith(tags));
    t.same(served[0], { entry: 'bios', bases: [0x20_0000] });
    t.same(unserved, [{ entry: 'efi', bases: [0x20_0000], because: { kind: 'no such entry' } }]);
  }
  t.end();
});
