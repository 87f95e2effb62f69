/** The catalogue against the real Xen, which `npm test` builds before it runs the tests. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { SCENARIOS } from '../../scenarios/index.ts';
import { cacheRoot } from '../cli/surroundings.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { xenBuildIfCached } from '../xen/build.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { DEFECTS } from './catalogue.ts';
import { patched, xenReader } from './xen-reader.ts';

const context = { cacheRoot: cacheRoot(), onProgress: () => undefined };
const build = await xenBuildIfCached({ source: { kind: 'debian', package: 'xen' } }, context);
if (!build) throw new Error('no built Xen; build it first: npx loadbase build xen');
const files = { image: readFileSync(build.image), symbols: readFileSync(build.symbols) };
const xen = xenReader(files, await loadDisassembler());

t.test('names, depths, instances', async (t) => {
  const names = DEFECTS.map(({ name }) => name);
  t.equal(new Set(names).size, names.length, 'each name once');
  for (const depth of ['image', 'grub', 'machine'])
    t.ok(
      DEFECTS.some(({ make }) => make.depth === depth),
      depth,
    );
  t.ok(DEFECTS.filter(({ needs }) => needs === undefined).length >= 15);
  const matrix = new Set(SCENARIOS.flatMap((scenario) => scenario.instances().map(({ name }) => name)));
  for (const { name, instances } of DEFECTS)
    t.ok(instances.length > 0 && instances.every((instance) => matrix.has(instance)), name);
});

t.test('each defect of the image is found in the default Xen and changes a few bytes', async (t) => {
  const { bytes } = parseBootImage(files.image);
  for (const { name, make } of DEFECTS) {
    if (make.depth !== 'image') continue;
    const { image } = patched(files, make.patches(xen));
    const changed = image.filter((byte, i) => byte !== bytes[i]).length;
    t.ok(changed > 0 && changed <= 16, `${name}: ${changed} bytes`);
  }
});
