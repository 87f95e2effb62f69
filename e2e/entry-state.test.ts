/**
 * CLAIM: at a base that no promoted trace has, what `loadbase check` begins a boot with is what a real loader leaves there:
 * all registers and hidden parts, and every byte of memory outside the image that early boot reads.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { hex } from '../harness/bits/hex.ts';
import { captureOf, entryMemory } from '../harness/profile/capture.ts';
import { entryState } from '../harness/profile/entry-state.ts';
import { observe } from '../harness/profile/profile-of-trace.ts';
import { goldenProfile } from '../harness/profile/testdata/profile-run.ts';
import { outsideOf } from '../harness/replay/free-run.ts';
import { parseBootImage } from '../harness/subject/boot-image.ts';
import { loadDisassembler } from '../harness/x86/disassembler.ts';
import { CodeStore } from '../harness/x86/execute/code-store.ts';
import { PhysicalMemory } from '../harness/x86/memory/physical-memory.ts';
import { readField, STATE_FIELDS } from '../harness/x86/state/state-layout.ts';
import { loadbase } from './command.ts';
import { builtXenIfAny } from './testdata/patched-xen.ts';

const BASE = 0x1760_0000;
const built = await builtXenIfAny();
const store = new CodeStore(await loadDisassembler());

for (const firmware of ['bios', 'efi'] as const)
  t.test(firmware, { skip: built ? false : 'Xen is not built yet: sh scripts/setup.sh' }, async (t) => {
    const output = join(t.testdir({}), 'fresh.lbtrace');
    const words = [`xen-early-boot~${firmware}~base-${hex(BASE)}`, '--base', hex(BASE), '-o', output];
    const { code, stderr } = await loadbase(['capture', ...words]);
    t.match({ code, stderr }, { code: 0, stderr: '' });
    const image = await readFile(built!.image);
    const capture = await captureOf({ bytes: await readFile(output), image }, store);
    t.equal(capture.loadBase, BASE);

    const entry = entryState(goldenProfile(firmware), parseBootImage(image), BASE);
    const { initial } = outsideOf(capture.raw);
    const differing = STATE_FIELDS.filter(
      ({ name }) => readField(entry.words, name) !== readField(initial, name),
    );
    t.strictSame(
      differing.map(({ name }) => name),
      [],
    );
    t.strictSame([...entry.words], [...initial], 'every word of the state');

    const ours = new PhysicalMemory('unknown');
    for (const { address, bytes } of entry.memory) ours.load(address, bytes);
    const { places } = observe(capture, new PhysicalMemory('unknown'), store).calls;
    const read = entryMemory(capture.trimmed, places);
    t.ok(read.length > 20, `${read.length} runs of memory are read`);
    const other = read.filter(
      ({ address, bytes }) => Buffer.compare(ours.read(address, bytes.length), bytes) !== 0,
    );
    t.strictSame(
      other.map(({ address, bytes }) => `${hex(address)}, ${bytes.length} bytes`),
      [],
    );
  });
