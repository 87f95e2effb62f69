/** CLAIM: a capture knows before it boots where the image will be and where it ends; what cannot be captured is refused by name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bench } from '../qemu/testdata/bench.ts';
import { LINK_BASE, smallXen, VIRTUAL_START } from '../xen/testdata/small-xen.ts';
import { capturePlan } from './capture-plan.ts';
import type { Expectation, Instance } from './contract.ts';
import type { ReadyInstance } from './plan.ts';
import { loadSubject } from './subject.ts';
import { fakeArtifacts, planned } from './testdata/fake-run.ts';

const BASE = 0x3e0_0000;
const BOOTS: Expectation = { kind: 'boots', base: BASE };

const build = t.testdir();
const xen = smallXen(build);
const [image, syms] = [join(build, 'xen'), join(build, 'xen-syms')];
writeFileSync(image, xen.imageFile);
writeFileSync(syms, xen.symbolFile);
const subject = await loadSubject('xen', image, syms, 'small Xen');

interface Given {
  readonly expectation?: Expectation;
  readonly base?: number | undefined;
  readonly instance?: Partial<Instance>;
  readonly subject?: ReadyInstance['subject'];
}

async function plan(t: Test, given: Given = {}, until?: string) {
  const at = bench(t);
  const ready = await planned(at, given.instance, given.expectation ?? BOOTS);
  const base = 'base' in given ? given.base : BASE;
  return capturePlan(
    { ...ready, subject: given.subject ?? subject, base, window: undefined },
    await fakeArtifacts(at, 'refuses'),
    until,
  );
}

const refuses = (t: Test, given: Given, message: RegExp, until?: string) =>
  t.rejects(plan(t, given, until), { name: 'CapturePlanError', message });

t.test('header, inside and end of an instance with a base', async (t) => {
  const { header, until, untilName } = await plan(t);
  t.match(header, {
    schema: 'loadbase.trace/1',
    way: 'log',
    subject: { name: 'xen', loadBase: BASE, linkBase: LINK_BASE, changes: [] },
    tools: [{ name: 'qemu', version: '7.2.22', sha256: null }],
  });
  t.equal(header.subject.segments[0]?.physicalAddress, BASE);
  t.equal(untilName, '__start_xen');
  t.equal(until, xen.symbols.linear('__start_xen'));
  const [low, loaded, linked] = header.inside;
  t.match(low, { start: 0n, end: 0xa_0000n, what: 'low memory' });
  t.equal(loaded?.start, BigInt(BASE));
  t.equal(linked?.start, VIRTUAL_START + BigInt(LINK_BASE));
  t.ok(header.inside.every(({ end }) => end % 0x1000n === 0n));
});

t.test('where it ends: a symbol, or an address of any size', async (t) => {
  t.match(await plan(t, {}, 'trampoline_setup'), {
    until: xen.symbols.linear('trampoline_setup'),
    untilName: 'trampoline_setup',
  });
  t.equal((await plan(t, {}, '0xFFFF82D0402043C0')).until, 0xffff_82d0_4020_43c0n);
  t.equal((await plan(t, {}, '0x10')).until, 0x10n);
  for (const until of ['nothing_of_that_name', '0xzz', '0x1ffff82d0402043c0', ''])
    await refuses(
      t,
      {},
      /^small Xen has no symbol ".*" where the capture could end; give one, or an address/,
      until,
    );
  const bare = await loadSubject('xen', image, undefined, 'a Xen without symbols');
  await refuses(t, { subject: bare }, /^a Xen without symbols has no symbol "__start_xen"/);
  t.equal(
    (await plan(t, { subject: bare }, '0x3e00010')).header.inside.length,
    2,
    'nor is it known where it is linked',
  );
});

t.test('where the image will be', async (t) => {
  const notRelocated: Expectation = { kind: 'not-relocated', base: BASE, linkBase: LINK_BASE };
  t.equal((await plan(t, { expectation: notRelocated })).header.subject.loadBase, LINK_BASE);
  const other = await plan(t, { instance: { protocol: 'multiboot1' }, base: undefined });
  t.equal(other.header.subject.loadBase, LINK_BASE, 'a protocol that knows no relocation');
});

t.test('what nothing can be captured of', async (t) => {
  await refuses(
    t,
    { expectation: { kind: 'refused', base: BASE, reason: 'there is no memory' } },
    /^GRUB refuses to load small~.* \(there is no memory\), so nothing of it runs; take another base/,
  );
  const early: Expectation = { kind: 'early-error', text: 'ERR: misaligned!' };
  await refuses(
    t,
    { expectation: early },
    /is to end before __start_xen, with “ERR: misaligned!”; say with --until/,
  );
  t.equal((await plan(t, { expectation: early }, 'trampoline_setup')).untilName, 'trampoline_setup');
});

t.test('a base that GRUB chooses', async (t) => {
  const at = bench(t);
  const ready = await planned(at, {}, { kind: 'boots' });
  const artifacts = await fakeArtifacts(at, 'refuses');
  t.throws(() => capturePlan({ ...ready, base: undefined }, artifacts), {
    name: 'CapturePlanError',
    message:
      /^GRUB chooses where small~.* lands, and a capture must know it before; take an instance with a base/,
  });
});
