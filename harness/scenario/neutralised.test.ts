/** CLAIM: a header tag that no loader shall see is one of an unknown type afterwards, optional, and nothing else changes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { header, image, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { neutralised } from './neutralised.ts';
import { loadSubject, type Subject } from './subject.ts';

const TAGS = [{ type: 1, payload: [6] }, RELOCATABLE, { type: 7 }, { type: 1, payload: [4] }];

async function subject(t: Test): Promise<Subject> {
  const path = join(t.testdir({}), 'image');
  writeFileSync(path, image(header(TAGS)));
  return loadSubject('xen', path, undefined, 'small');
}

const types = ({
  image: {
    header: { tags },
  },
}: Subject) => tags.map(({ type }) => type);

t.test('nothing to change is the same subject', async (t) => {
  const one = await subject(t);
  t.equal(neutralised(one, []), one);
});

t.test('one tag, and all tags of a type', async (t) => {
  const one = await subject(t);
  const all = ['informationRequest', 'relocatable', 'efiBootServices', 'informationRequest'];
  t.strictSame(types(one), all);
  const fixed = neutralised(one, ['relocatable']);
  t.strictSame(types(fixed), all.with(1, 'unknown'));
  t.match(fixed.image.header.tags[1], { typeNumber: 0x4c42, required: false });
  t.strictSame(types(neutralised(one, ['informationRequest', 'efiBootServices'])), [
    ...['unknown', 'relocatable', 'unknown', 'unknown'],
  ]);
});

t.test('no other byte changes, and the subject given does not either', async (t) => {
  const one = await subject(t);
  const before = Uint8Array.from(one.image.bytes);
  const { bytes } = neutralised(one, ['relocatable']).image;
  const changed = [...bytes].flatMap((byte, i) => (byte === before[i] ? [] : [i]));
  const { offset } = one.image.header.tags[1]!;
  t.ok(changed.length > 0 && changed.every((at) => at >= offset && at < offset + 4), changed.join(' '));
  t.strictSame(one.image.bytes, Buffer.from(before));
});

t.test('an image without such a tag cannot be made so', async (t) => {
  const one = await subject(t);
  t.throws(() => neutralised(one, ['framebuffer']), /^small has no framebuffer header tag to neutralise/);
});
