/** Small kernels of our own, in the machines that were promoted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { buildElf } from '../elf/testdata/elf-builder.ts';
import { header, MIN, RELOCATABLE } from '../multiboot2/testdata/image-builder.ts';
import { projectRoot } from '../workdir/project-root.ts';
import { SMALL_JSON } from '../profile/testdata/small-profile.ts';
import type { CheckedImageData } from './checker.ts';
import { makeModelChecker } from './model-checker.ts';
import { hexBytes } from './testdata/small-offline.ts';

const CODE_AT = 0x400;

/** The code at the entry, 0x200400. */
function kernel(code: string): Uint8Array {
  const bytes = Buffer.alloc(0x1000);
  bytes.set(header([RELOCATABLE]));
  bytes.set(hexBytes(code), CODE_AT);
  const segments = [{ paddr: BigInt(MIN), bytes, memsz: 0x2000 }];
  return buildElf({ segments, firstOffset: 0x80, entry: BigInt(MIN + CODE_AT) });
}

const golden = readFileSync(join(projectRoot(), 'results', 'golden', 'machine-bios.json'), 'utf8');
const data = (code: string, changes: Partial<CheckedImageData> = {}): CheckedImageData => ({
  ...{ subject: 'kernel', image: kernel(code), symbols: undefined, machines: [golden] },
  ...changes,
});

void t.test('a kernel is run at any base, and judged by its record', async (t) => {
  const checker = await makeModelChecker(data('90 f4'), 'bios');
  for (const loadBase of [MIN, 0x3e0_0000, 0xffe0_0000])
    t.match(checker.at(loadBase), {
      ...{ entry: 'bios', loadBase, executed: 1, endsAsExpected: true, findings: [] },
      endState: [{ ok: false, text: /\(absent\): nothing was said/ }],
    });
});

void t.test('a stripped Xen ends where its high half begins, or not at all', async (t) => {
  const checker = await makeModelChecker(data('ebfe', { subject: 'xen' }), 'bios');
  t.match(checker.at(0x3e0_0000), { ending: { kind: 'endless' }, endsAsExpected: false });
});

void t.test('no machine of this firmware; no machine with room', async (t) => {
  await t.rejects(makeModelChecker(data('f4'), 'efi'), {
    name: 'NoMachineError',
    message: /of efi firmware; npm run promote-machine/,
  });
  const checker = await makeModelChecker(data('f4'), 'bios');
  t.throws(() => checker.at(0x10_0000), { name: 'NoMachineError', message: /at 100000/ });
});

void t.test('the first machine that has room serves', async (t) => {
  const small = JSON.stringify({
    ...SMALL_JSON,
    occupied: [{ start: '0x3e00000', end: '0x3e01000', what: 'its own' }],
  });
  // cmp $0x2000,%ebx; je 1f; hlt; 1: nop; hlt: the small one has its boot information there
  const code = '81fb 00200000 7401 f4 90 f4';
  const checker = await makeModelChecker(data(code, { machines: [small, golden] }), 'bios');
  t.equal(checker.at(0x400_0000).executed, 3);
  t.equal(checker.at(0x3e0_0000).executed, 2);
});

void t.test('what is no profile, no image', async (t) => {
  await t.rejects(makeModelChecker(data('f4', { machines: ['{}'] }), 'bios'), {
    name: 'MachineProfileError',
  });
  await t.rejects(makeModelChecker(data('f4', { image: new Uint8Array(64) }), 'bios'));
});
