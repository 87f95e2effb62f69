/**
 * CLAIM: whatever of relocation is broken in a real Xen, `loadbase check` names the instruction, what it touched and should
 * have touched, and whether a console would have shown it.
 */
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { z } from 'zod';
import type { Patch, XenReader } from '../harness/sabotage/xen-reader.ts';
import { loadbase } from './command.ts';
import { brokenXen, builtXenIfAny } from './testdata/patched-xen.ts';
import * as breaks from './testdata/relocation-breaks.ts';

const hex = z.string().regex(/^0x[0-9a-f]+$/);
const where = z.array(
  z.object({
    entry: z.enum(['bios', 'efi']),
    bases: z.array(hex),
    shows: z.array(hex),
    silent: z.array(hex),
  }),
);
const CHECK = z.object({
  schema: z.literal('loadbase.check/1'),
  verdict: z.enum(['holds', 'defect']),
  defects: z.array(
    z.object({
      rule: z.string(),
      linkTime: hex,
      where,
      example: z.object({
        loadBase: hex,
        finding: z.object({ deed: z.string(), touched: hex, expected: hex.optional() }),
      }),
    }),
  ),
  failures: z.array(z.object({ kind: z.string(), text: z.string(), places: z.array(hex), where })),
  results: z.array(z.object({ entry: z.string(), loadBase: hex, holds: z.boolean() })),
});
type Check = z.infer<typeof CHECK>;

const BASES = ['0x200000', '0x3e00000', '0x80000000'];
const MOVED = ['0x03e00000', '0x80000000'];
const skip = (await builtXenIfAny()) ? false : 'Xen is not built yet: sh scripts/setup.sh';

type Break = (xen: XenReader) => readonly Patch[];

async function broken(t: Test, make: Break, ...more: string[]) {
  const folder = join(t.testdir({}), 'xen');
  await mkdir(folder);
  const { image, symbols } = await brokenXen(folder, make);
  const words = ['check', '--xen', `${image},${symbols}`, '--base', BASES.join(','), ...more];
  const [{ code, stdout }, json] = await Promise.all([loadbase(words), loadbase([...words, '--json'])]);
  t.equal(code, 1);
  t.equal(json.code, 1);
  return { stdout, found: CHECK.parse(JSON.parse(json.stdout)) };
}

function ruleOf(found: Check, rule: string): Check['defects'][number] {
  const defect = found.defects.find((one) => one.rule === rule);
  if (!defect) throw new Error(`no ${rule} among ${found.defects.map((one) => one.rule).join(', ')}`);
  return defect;
}

t.test('a store that forgets its base: silent everywhere, and named', { skip }, async (t) => {
  const { stdout, found } = await broken(t, breaks.storeForgotten);
  t.match(stdout, /^✗ trampoline_setup\+0x[0-9a-f]+, xen\/arch\/x86\/boot\/head\.S:\d+ \(linked at 0x/m);
  t.match(stdout, /^ {2}=> 0x.* mov %eax,0x[0-9a-f]+ {2}# <boot_tsc_stamp>$/m);
  t.match(stdout, /^ {2}touched {3}write of 4 bytes at 0x[0-9a-f]+ <boot_tsc_stamp>$/m);
  t.match(stdout, /^ {2}should {4}be 0x[0-9a-f]+ <boot_tsc_stamp>, with the image at 0x03e00000$/m);
  t.match(stdout, /bios,efi {2}silent at 0x03e00000 and 0x80000000: no console would show it/);
  const { where } = ruleOf(found, 'link-time-write');
  t.strictSame(
    where.map(({ shows, silent }) => ({ shows, silent })),
    [0, 1].map(() => ({ shows: [], silent: MOVED })),
  );
});

t.test('an address that is computed without the base: shows', { skip }, async (t) => {
  const { found } = await broken(t, breaks.addressForgotten);
  t.strictSame(ruleOf(found, 'link-time-read').where[0], {
    ...{ entry: 'bios', bases: MOVED, shows: MOVED, silent: [] },
  });
});

t.test(
  'page tables that are not relocated: a triple fault, and a table at link time',
  { skip },
  async (t) => {
    const { stdout, found } = await broken(t, breaks.pageTablesNotRelocated);
    t.match(stdout, /dies of a triple fault \(first exception 14/);
    t.equal(found.defects[0]?.rule, 'link-time-table');
    t.strictSame(found.defects[0]?.where[0]?.shows, MOVED);
  },
);

t.test('a loop: stopped, and shown', { skip }, async (t) => {
  const { stdout } = await broken(t, breaks.endless);
  t.match(stdout, /never ends: it loops on one instruction, at trampoline_setup\+0x/);
});

t.test('an opcode that the model does not know is named', { skip }, async (t) => {
  const { stdout } = await broken(t, breaks.floatingPoint);
  t.match(
    stdout,
    /an opcode that the model does not know, d9e8\w* \(fld1\),\s+in\s+32-bit\s+code,\s+at\s+tramp/,
  );
});

t.test('a firmware call with a misaligned stack: the call is named', { skip }, async (t) => {
  const { stdout, found } = await broken(t, breaks.stackMisaligned);
  t.match(stdout, /^bios {2}✓ holds at all 3 bases$/m);
  t.match(stdout, /^✗ efi_\w+\+0x[0-9a-f]+, .*: it calls the\s+firmware with a misaligned stack/m);
  t.match(stdout, /^ {2}=> .* call /m);
  t.match(stdout, /^ {2}efi .*silent at all 3 bases/m);
  t.strictSame([...new Set(found.defects.map(({ rule }) => rule))], ['firmware-stack']);
});

t.test('the high half before there is one', { skip }, async (t) => {
  const { stdout } = await broken(t, breaks.highHalfTooEarly, '--entry', 'efi');
  t.match(stdout, /^✗ __efi64_mb2_start\+0x1, .*: it uses its high half/m);
  t.match(stdout, /^ {2}touched {3}write of 1 bytes? at 0xffff82d0[0-9a-f]+ <vga_text_buffer>/m);
});

t.test('a GDT that is not relocated', { skip }, async (t) => {
  const { stdout } = await broken(t, breaks.gdtBaseNotRelocated);
  t.match(stdout, /^ {2}=> .* lgdt /m);
  t.match(stdout, /^ {2}touched {3}a table at 0x[0-9a-f]+ <trampoline_gdt>; gdtr\.base/m);
});

t.test('a jump to link-time memory is one defect, not one an instruction', { skip }, async (t) => {
  const { found } = await broken(t, breaks.jumpToLinkTime);
  const transfers = found.defects.filter(({ rule }) => rule === 'link-time-execute');
  t.equal(transfers.length, 1);
  t.strictSame(transfers[0]?.where[0]?.silent, MOVED);
});

t.test('a write beside the image', { skip }, async (t) => {
  const { found } = await broken(t, breaks.storeBeyond);
  t.strictSame(
    found.defects.map(({ rule }) => rule),
    ['foreign-write'],
  );
  t.equal(found.defects[0]?.where[0]?.bases.length, BASES.length);
});

t.test('a result of the base that is not the base: its first instruction', { skip }, async (t) => {
  const { stdout, found } = await broken(t, breaks.oddResult);
  t.strictSame(found.defects, []);
  t.match(found.failures, [{ kind: 'asymmetry', text: /boot_cpu_data/ }]);
  t.match(
    stdout,
    /not symmetric: image\+0x\S+ \(boot_cpu_data\) is 0x003c0000[^]*since\s+trampoline_setup\+0x/,
  );
});
