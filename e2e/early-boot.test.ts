/**
 * CLAIM: the tool boots a real Xen through a real GRUB on both firmwares, and each class of base ends as predicted.
 *
 * A BROKEN TOOL would pass with fewer witnesses, put its figures in the wrong columns, or call a refusal a pass for
 * another reason; so verdict, reason, base, witnesses and both outputs are compared, not the exit code alone.
 */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { InstanceResult } from '../harness/scenario/contract.ts';
import { resultOf, run } from './command.ts';

const MISALIGNED = 'ERR: Xen must be loaded at a 2Mb boundary!';

interface Expected extends Partial<Pick<InstanceResult, 'base' | 'loadBaseAddress'>> {
  readonly reason: RegExp;
  readonly witnesses: number;
}

const boots = (base: string): Expected => ({
  base,
  loadBaseAddress: base,
  reason: new RegExp(`^booted at ${base}; \\d+ witnesses agree$`),
  witnesses: 9,
});
const anywhere: Expected = {
  base: null,
  reason: /^booted at 0x[0-9a-f]{8}; \d+ witnesses agree$/,
  witnesses: 10,
};
const refused: Expected = {
  loadBaseAddress: null,
  reason: /^refused as predicted: the firmware keeps 0x[0-9a-f]{8}–0x[0-9a-f]{8} \(.+\)/,
  witnesses: 0,
};
const misaligned: Expected = {
  base: '0x04101000',
  loadBaseAddress: '0x04101000',
  reason: new RegExp(`^loaded at 0x04101000, it said exactly “${MISALIGNED}”$`),
  witnesses: 6,
};
const control: Expected = {
  base: '0x03e00000',
  loadBaseAddress: '0x00200000',
  reason: /^control: forced to 0x03e00000, it landed at 0x00200000, and \d+ witnesses say so$/,
  witnesses: 9,
};
const multiboot1: Expected = { ...boots('0x00200000'), base: null };

const EXPECTED: Readonly<Record<string, Expected>> = {
  'xen-early-boot~bios~base-any': anywhere,
  'xen-early-boot~bios~base-0x00200000': boots('0x00200000'),
  'xen-early-boot~bios~base-0x03e00000': boots('0x03e00000'),
  'xen-early-boot~bios~base-0x7fe00000': boots('0x7fe00000'),
  'xen-early-boot~bios~base-0x80000000': boots('0x80000000'),
  'xen-early-boot~bios~base-firmware-owned': refused,
  'xen-early-boot~bios~base-0x04101000': misaligned,
  'xen-early-boot~bios~base-0x03e00000~no-relocation': control,
  'xen-early-boot~bios~multiboot1': multiboot1,
  'xen-early-boot~efi~base-any': anywhere,
  'xen-early-boot~efi~base-0x03e00000': boots('0x03e00000'),
  'xen-early-boot~efi~base-0x80000000': boots('0x80000000'),
  'xen-early-boot~efi~base-firmware-owned': refused,
  'xen-early-boot~efi~base-0x04101000': misaligned,
  'xen-early-boot~efi~base-0x03e00000~no-relocation': control,
};

/** In the order of the boot; the placement is judged where GRUB chose the base itself. */
const BOOT_WITNESSES = [
  ...['loader', 'entry', 'rules at entry', 'layout at entry', 'base computed', 'boot information relocated'],
  ...[
    'page tables relocated',
    'trampoline copied',
    'long mode',
    '__start_xen',
    'layout at __start_xen',
    'console',
  ],
];

t.test('every class of base on both firmwares ends as predicted', async (t) => {
  const names = Object.keys(EXPECTED);
  const { code, stderr, results, asserts, out } = await run(t, names);
  t.equal(code, 0, stderr);
  t.equal(results.finished, true);
  t.match(results.totals, { pass: names.length, fail: 0, skip: 0, error: 0, crash: 0 });
  t.strictSame(asserts.map(({ name }) => name).sort(), [...names].sort());
  t.ok(asserts.every(({ ok }) => ok));
  for (const [name, expected] of Object.entries(EXPECTED))
    await t.test(name, async (t) => {
      const result = resultOf(results, name);
      const { witnesses, ...fields } = expected;
      t.match(result, { verdict: 'pass', notPossible: [], ...fields });
      t.ok(result.checkpoints.length >= witnesses, `${result.checkpoints.length} witnesses`);
      t.strictSame(
        result.checkpoints.filter(({ ok }) => !ok),
        [],
      );
      if (result.reason.startsWith('booted'))
        t.strictSame(
          result.checkpoints.map((each) => each.name).filter((each) => each !== 'placement'),
          // Multiboot 1 has other rules, and no validator of ours.
          BOOT_WITNESSES.filter((each) => !name.endsWith('~multiboot1') || each !== 'rules at entry'),
        );
      for (const path of Object.values(result.evidence)) await t.resolves(access(join(out, path)), path);
    });
});

t.test('what was run can be traced to its inputs', async (t) => {
  const name = 'xen-early-boot~bios~base-0x03e00000';
  const { results, out } = await run(t, [name]);
  for (const tool of ['qemu', 'xen', 'grub', 'medium iso'])
    t.match(results.tools[tool], { version: /\d/, sha256: /^[0-9a-f]{64}$/, path: /^\// }, tool);
  const { evidence, repeat } = resultOf(results, name);
  t.equal(repeat, `npx loadbase run '${name}'`);
  const console = await readFile(join(out, evidence['serial'] ?? ''), 'utf8');
  t.match(console, /^\(XEN\) Xen image load base address: 0x3c00000$/m);
  t.match(console, /^\(XEN\) dom0 kernel not specified/m);
  const argv = JSON.parse(await readFile(join(out, evidence['argv'] ?? ''), 'utf8')) as string[];
  t.equal(argv[0], results.tools['qemu']?.path);
  t.ok(argv.includes('none') && argv.includes('-nic'), 'no network');
});
