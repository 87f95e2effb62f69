/** CLAIM: one screen says whether the image holds, and for a defect all that is needed to look at it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import stripAnsi from 'strip-ansi';
import t, { type Test } from 'tap';
import { basesToCheck, isMisaligned, type BaseChoice } from '../check/bases.ts';
import type { BaseResult, EntryName } from '../check/contract.ts';
import { summarise } from '../check/summary.ts';
import { Pipe, Screen } from '../report/testdata/screen.ts';
import { loadSubject, type Subject } from '../scenario/subject.ts';
import { smallXen } from '../xen/testdata/small-xen.ts';
import { checkJson } from './check-json.ts';
import { checkReport } from './check-report.ts';
import type { Checked } from './checked.ts';
import { defective, holding, looping } from './testdata/hand-made-results.ts';

const ENTRIES: readonly EntryName[] = ['bios', 'efi'];
const folder = t.testdir({});
const xen = smallXen(folder);
writeFileSync(join(folder, 'image'), xen.imageFile);
writeFileSync(join(folder, 'syms'), xen.symbolFile);
const subject = await loadSubject('xen', join(folder, 'image'), join(folder, 'syms'), 'a small Xen');
/** `lea __page_tables_start - V(%esi), %eax` */
const STORE = xen.symbols.linkTime('trampoline_setup') + 21;

function checked(
  make: (entry: EntryName, base: number) => BaseResult,
  choice: BaseChoice = 'all',
  of: Subject = subject,
): Checked {
  const bases = basesToCheck(choice, of.image);
  const results = ENTRIES.flatMap((entry) => bases.map((base) => make(entry, base)));
  return {
    ...{ subject: of, options: { jobs: 2 }, results, unserved: [], durationMs: 1234 },
    summary: summarise(results, of.image.loaded),
    isMisaligned: (base) => isMisaligned(base, of.image),
  };
}

/** Every report: nothing from the image acts on a terminal, and no line but a command is too wide. */
async function report(t: Test, what: Checked): Promise<string> {
  const lines = await checkReport(what, new Pipe());
  const text = lines.join('\n');
  t.notMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/, 'no control characters');
  t.strictSame(
    lines.filter((line) => line.length > 100 && !/^ {2}next /.test(line)),
    [],
    'no wide lines',
  );
  return text;
}

t.test('bases that no machine serves are named as not tried', async (t) => {
  const whole = checked(holding, [0x3e0_0000]);
  const because = { kind: 'occupied' as const, by: ['boot information'] };
  const unserved = [{ entry: 'bios' as const, bases: [0x10_0000, 1, 2, 3, 4], because }];
  const text = await report(t, { ...whole, unserved });
  t.match(text, /bios {2}not tried at 0x00100000, .* and 1 more: each machine\s[^]*\(boot information\)/);
  t.match(text, /✓ holds/);
});

t.test('all holds: within 24 lines', async (t) => {
  const text = await report(t, checked(holding));
  t.ok(text.split('\n').length <= 23, text);
  t.match(text, /^a small Xen: 0x[0-9a-f]+ bytes in memory, linked at 0x00200000$/m);
  t.match(text, /^bios {2}✓ holds at all 2,047 bases and all 4 misaligned bases$/m);
  t.match(text, /^ {6}reaches __start_xen at all 2,047 bases$/m);
  t.match(text, /^ {6}says “ERR: .*!” and halts at all 4 misaligned bases$/m);
  t.match(text, /^end state at 0x02000000 \(bios and efi alike\):\n {2}✓ xen_phys_start = 0x1e00000$/m);
  t.match(text, /^ {2}… and 1 more; --json has all$/m);
  t.match(text, /^✓ holds at every base tried \(4,102 boots, 287\.1 M instructions, 1\.2 s\)$/m);
});

t.test('notes of known defects; entries that end otherwise', async (t) => {
  const text = await report(
    t,
    checked((entry, base) => ({
      ...holding(entry, base),
      notes: ['one', 'two', 'three', 'four'],
      ...(entry === 'efi' ? { endState: [{ ok: true, text: 'another' }] } : {}),
    })),
  );
  t.match(
    text,
    /known defects of this version, which are not counted:\n {2}- one\n.*\n {2}- three\n {2}… and 1 more/,
  );
  t.match(text, /\(bios\):[\s\S]*\(efi\):\n {2}✓ another/);
});

t.test('a defect', async (t) => {
  const text = await report(
    t,
    checked((entry, base) => defective(entry, base, STORE)),
  );
  t.match(text, /^bios {2}✗ defects at 2,046 of 2,051 bases: all 2,047 bases but the link base$/m);
  t.match(
    text,
    /^✗ trampoline_setup\+0x15 \(linked at 0x[0-9a-f]{8}\): it writes where the image was linked, not/m,
  );
  const code = text.split('\n').filter((line) => /^ {2}(=>| {2}) 0x02/.test(line));
  t.equal(code.length, 5, 'five lines of code');
  t.match(code[2], /^ {2}=> 0x02\w{6} {2}01 35 04 50 44 00 +add %esi,0x445004$/, 'as it stood in memory');
  t.match(code[1], /mov \$0x1,%edx/);
  t.match(text, /^ {2}touched {3}write of 4 bytes at 0x00445004 \(first of 3 times\)$/m);
  t.match(text, /^ {2}should {4}be 0x02245004, with the image at 0x02000000$/m);
  t.match(text, /^ {2}rule {6}link-time-write$/m);
  t.match(
    text,
    /^ {2}bios,efi {2}a console would show it at 0x00400000 and 0x00600000; silent at all 2,047 bases but/m,
  );
  t.match(text, /^ {2}next {6}npx loadbase debug 'xen-early-boot~bios~base-0x02000000' --base 0x2000000$/m);
  const others = text.replace(/\s+/g, ' ');
  t.match(
    others,
    /✗ reloc\+0x2 \(linked at 0x002000f5\): it writes memory that is not its own: write of 4 bytes at 0x00009000; evil\\x1b\[2Jname \(bios, efi: all/,
  );
  t.match(others, /✗ dies of a triple fault .* at 0x005fb701 \(bios, efi: 0x00400000 and 0x00600000\)/);
  t.match(others, /✗ not symmetric: image\+0x245004 .* since trampoline_setup\+0x15/);
  t.match(text, /^✗ 4 problems \(/m);
});

t.test('a defect in code that is not where the image is', async (t) => {
  const low = (entry: EntryName, base: number) => {
    const [finding] = defective(entry, base, STORE).findings;
    const instruction = { linear: 0x8c010n, bitness: 16 as const, bytes: Uint8Array.of(0xf4) };
    return { ...holding(entry, base), findings: finding ? [{ ...finding, instruction, times: 1 }] : [] };
  };
  const text = await report(t, checked(low));
  t.match(text, /^✗ 0x0008c010: it writes where/m);
  t.match(text, /\n\n {2}=> 0x0008c010 {2}f4 {2}hlt\n\n/);
  t.match(text, /^ {2}bios,efi {2}silent at all 2,047 bases but the link base: no console would show it$/m);
});

t.test('a boot that never ends', async (t) => {
  const text = await report(t, checked(looping, [0x80001000, 0xe0000000]));
  t.match(text, /^✗ never ends: it loops over 2 instructions, at 0xe01fb66e; 0xe01fb672$/m);
  t.match(text, /^ {2}=> 0xe01fb66e {2}eb fe {2}jmp/m, 'one line: the image has no code there');
  t.match(text, /^ {2}bios,efi {2}a console would show it at 0xe0000000 and 0x80001000$/m);
  t.match(text, /beside it, perhaps because of it:\n {2}✗ end state: no end state/);
  t.match(
    text,
    /^ {2}next {6}npx loadbase check --base 0xe0000000 --entry bios$/m,
    'no machine has that much memory',
  );
});

t.test(
  'what no rule noticed: the first instruction of an asymmetry, and where a console would show it',
  async (t) => {
    const code = { linear: BigInt(STORE), bitness: 32, bytes: Uint8Array.of(0x01, 0x35) } as const;
    const at = (entry: EntryName, base: number) => ({
      ...holding(entry, base),
      endState: [{ ok: false, text: 'the GDT is elsewhere' }],
      asymmetries: [{ place: 'rax', reference: 0n, here: 1n, instruction: BigInt(STORE), code }],
      asymmetryCount: 1,
    });
    const text = await report(t, checked(at, [0x3e00000]));
    t.match(text, /^✗ not symmetric: rax is .*, since\s+trampoline_setup\+0x15/m);
    t.equal(text.split('\n').filter((line) => /^ {2}(=>| {2}) 0x00/.test(line)).length, 5, text);
    t.match(text, /^ {2}bios,efi {2}silent at 0x03e00000: no console would show it$/m);
    t.match(text, /beside it.*\n {2}✗ end state: the GDT is elsewhere \(bios, efi: 0x03e00000\)/);
  },
);

t.test('many problems are counted, not shown', async (t) => {
  const text = await report(
    t,
    checked(
      (entry, base) => ({
        ...holding(entry, base),
        asymmetries: Array.from({ length: 30 }, (_, n) => ({ place: `r${n}`, reference: 0n, here: 1n })),
        asymmetryCount: 30,
      }),
      'telling',
    ),
  );
  t.match(text, /^ {2}… and 23 more; --json has all$/m);
  t.match(text, /^✗ 30 problems/m);
});

t.test('colours where they are wanted', async (t) => {
  const what = checked((entry, base) => defective(entry, base, STORE));
  const coloured = (await checkReport(what, new Screen(200, 50, true))).join('\n');
  const plain = (await checkReport(what, new Pipe())).join('\n');
  t.not(coloured, plain);
  t.equal(stripAnsi(coloured), plain);
});

t.test('JSON has all of it', (t) => {
  const what = checked((entry, base) => defective(entry, base, STORE), [0x200000, 0x400000, 0x3e00000]);
  const json = JSON.parse(JSON.stringify(checkJson(what))) as Record<string, unknown>;
  t.match(json, {
    schema: 'loadbase.check/1',
    image: { label: 'a small Xen', linkBase: '0x00200000', sha256: /^[0-9a-f]{64}$/ },
    verdict: 'defect',
    entries: [{ entry: 'bios', tried: 3, held: 1 }, { entry: 'efi' }],
    defects: [
      {
        rule: 'link-time-write',
        where: [
          {
            entry: 'bios',
            shows: ['0x00400000'],
            silent: ['0x03e00000'],
            inWords: '0x00400000 and 0x03e00000',
          },
          {},
        ],
        example: {
          loadBase: '0x03e00000',
          finding: { touched: '0x00445004', instruction: { bytes: '013504504400' } },
        },
      },
      {},
    ],
    failures: [{ kind: 'ending' }, { kind: 'asymmetry' }],
  });
  t.match((json['results'] as unknown[])[1], {
    ...{ entry: 'bios', loadBase: '0x00400000', holds: false, visibility: 'shows' },
    ending: { kind: 'stopped', reason: { kind: 'triple fault', vector: 14 } },
  });
  t.equal((json['results'] as unknown[]).length, 6);
  t.end();
});
