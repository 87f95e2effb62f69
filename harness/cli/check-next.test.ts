/** CLAIM: the command that a report names boots that base: its instance is the one that the command itself chooses. */
import { join } from 'node:path';
import t from 'tap';
import { SCENARIOS } from '../../scenarios/index.ts';
import { header, image, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { loadSubject } from '../scenario/subject.ts';
import { nextCommand } from './check-next.ts';
import { chosenInstances } from './instance-options.ts';

const folder = t.testdir({ 'my xen': Buffer.from(image(header([RELOCATABLE]))) });
const path = join(folder, 'my xen');
const subject = await loadSubject('xen', path, undefined, 'x');
const boot = { entry: 'efi', loadBase: 0x3e00000, isMisaligned: false } as const;

t.test('a real boot', (t) => {
  const command = nextCommand(subject, { jobs: 1 }, boot);
  const name = 'xen-early-boot~efi~base-0x03e00000';
  t.equal(command, `npx loadbase debug '${name}' --base 0x3e00000`);
  const chosen = chosenInstances(SCENARIOS, [name], { base: [0x3e00000] }, new Map([['xen', subject]]));
  t.strictSame(
    chosen.map((instance) => instance.name),
    [name],
  );
  t.end();
});

t.test('of the image that was given', (t) => {
  t.match(nextCommand(subject, { jobs: 1, xen: path }, boot), /--xen '.*\/my xen'$/);
  const kernel = { ...subject, name: 'kernel' as const };
  t.match(
    nextCommand(kernel, { jobs: 1 }, boot),
    /debug 'kernel~efi~base-0x03e00000' --base 0x3e00000 --kernel '/,
  );
  t.end();
});

t.test('no real boot there: the model again', (t) => {
  t.equal(
    nextCommand(subject, { jobs: 1, specimen: 'probe' }, { ...boot, loadBase: 0xc0000000 }),
    'npx loadbase check --base 0xc0000000 --entry efi --specimen probe',
  );
  t.equal(
    nextCommand(subject, { jobs: 1, xen: 'xen.gz' }, { ...boot, loadBase: 0x4101000, isMisaligned: true }),
    'npx loadbase check --base 0x4101000 --entry efi --xen xen.gz',
  );
  t.end();
});
