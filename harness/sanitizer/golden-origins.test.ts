/**
 * CLAIM: on real Xen every number that only looks like a link-time address is told to be data, at both recorded bases and
 * firmwares; with the base dropped from one `lea` what is stored is an address.
 */
import t, { type Test } from 'tap';
import { TraceImageError } from '../replay/trace-image.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { type GoldenBoot, goldenBoot, goldenRun } from './testdata/golden-run.ts';

const store = new CodeStore(await loadDisassembler());

async function bootOf(t: Test, name: string): Promise<GoldenBoot | undefined> {
  try {
    return await goldenBoot(new URL(`../../results/golden/xen-early-boot~${name}.lbtrace`, import.meta.url));
  } catch (error) {
    if (!(error instanceof TraceImageError)) throw error;
    t.comment(`skipped: ${error.message}`);
    return undefined;
  }
}

for (const firmware of ['bios', 'efi'])
  for (const base of ['0x03e00000', '0x80000000'])
    t.test(`${firmware} at ${base}: data alone, and the run is what it is without following`, async (t) => {
      const boot = await bootOf(t, `${firmware}~base-${base}`);
      if (!boot) return;
      const { cpu, executed, origins } = goldenRun(boot, store, { isFollowed: true });
      const stores = origins!.stores.all;
      t.ok(stores.length >= 1, 'there are such numbers');
      t.same(
        stores.filter(({ origin }) => origin !== 'data'),
        [],
      );
      const plain = goldenRun(boot, store, { isFollowed: false });
      t.equal(executed, plain.executed);
      t.same(cpu.state(), plain.cpu.state());
      const changed = [...plain.cpu.physical.pages()].filter(
        ({ frame, bytes }) => Buffer.compare(cpu.physical.page(frame).bytes, bytes) !== 0,
      );
      t.same(
        changed.map(({ frame }) => frame),
        [],
      );
    });

/** By their place in `trampoline_setup` of the image that the traces are of. */
const DROPPED_BASES = [
  // lea 0x447063(%esi),%eax; mov %eax,0x44b000(%esi); add $0x1000,%eax; …: a page table's entries
  { what: 'the entries of a page table', at: 0x3f_b830, was: '8d8663704400', becomes: '8d0563704400' },
  // lea 0x3fe504(%esi),%edx; push %edx: an argument
  { what: 'an argument', at: 0x3f_b719, was: '8d9604e53f00', becomes: '8d1504e53f00' },
];

for (const { what, at, was, becomes } of DROPPED_BASES)
  t.test(`a base dropped from ${what}`, async (t) => {
    const boot = await bootOf(t, 'bios~base-0x80000000');
    if (!boot) return;
    const { linkBase, segments } = boot.trace.header.subject;
    const offset = at - linkBase + segments[0]!.imageOffset;
    const there = Buffer.from(boot.image.subarray(offset, offset + was.length / 2)).toString('hex');
    if (there !== was) return t.comment('skipped: another image');
    const linkTimeChange = [at, Buffer.from(becomes, 'hex')] as const;
    const { origins } = goldenRun(boot, store, { isFollowed: true, linkTimeChange });
    const value = Buffer.from(was, 'hex').readUInt32LE(2);
    const addresses = origins!.stores.all.filter(({ origin }) => origin === 'address');
    t.equal(addresses[0]?.value, value);
    t.ok(
      origins!.stores.all.some(({ origin }) => origin === 'data'),
      'data is still data',
    );
  });
