/** The real Xen, with nm and objdump of binutils as the outside oracle. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { cacheRoot } from '../cli/surroundings.ts';
import { run } from '../elf/testdata/assemble.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { xenBuildIfCached, type XenBuild } from './build.ts';
import { planCheckpoints, type CheckpointAddress } from './checkpoint-addresses.ts';
import type { EntryKind } from '../subject/entry-kind.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';

/** The Xen that `npm test` builds before it runs the tests; nothing is built here. */
async function builtXen(): Promise<XenBuild> {
  const context = { cacheRoot: cacheRoot(), onProgress: () => undefined };
  const build = await xenBuildIfCached({ source: { kind: 'debian', package: 'xen' } }, context);
  if (!build)
    throw new Error(`no built Xen below ${context.cacheRoot}; build it first: npx loadbase build xen`);
  return build;
}

const build = await builtXen();
const image = parseBootImage(readFileSync(build.image));
const symbols = new ImageSymbols(readFileSync(build.symbols), image.loaded.linkBase);
const disassembler = await loadDisassembler();

const nm = new Map(
  run('nm', [build.symbols])
    .split('\n')
    .map((line) => line.split(' '))
    .map(([address = '', , name = '']) => [name, BigInt(`0x${address || '0'}`)] as const),
);
const virtual = (symbol: string): bigint => nm.get(symbol) ?? 0n;
const VIRTUAL_START = virtual('_start') - BigInt(image.loaded.linkBase);

/** objdump's instructions from a symbol on: virtual address and text. */
function objdump(symbol: string, bitness: 32 | 64): { address: bigint; text: string }[] {
  const start = virtual(symbol);
  const range = [`--start-address=${start}`, `--stop-address=${start + 1024n}`];
  const machine = bitness === 32 ? ['-M', 'i386'] : [];
  return run('objdump', ['-d', '--no-show-raw-insn', ...machine, ...range, build.symbols])
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*([0-9a-f]+):\s+(.*?)\s*$/.exec(line);
      return match ? [{ address: BigInt(`0x${match[1]}`), text: match[2] ?? '' }] : [];
    });
}

const resolved = (entry: EntryKind) => planCheckpoints(image, symbols, entry, disassembler);

/** The virtual address that a checkpoint stands for. */
const virtualOf = (address: CheckpointAddress): bigint =>
  address.space === 'linear' ? address.linear : BigInt(address.linkTime) + VIRTUAL_START;

/** objdump's instruction just before a checkpoint, and the one at it. */
function around(entry: EntryKind, name: string, symbol: string, bitness: 32 | 64): readonly [string, string] {
  const address = resolved(entry).addresses.find((candidate) => candidate.name === name);
  const listing = objdump(symbol, bitness);
  const at = listing.findIndex((instruction) => address && instruction.address === virtualOf(address));
  return [listing[at - 1]?.text ?? 'nothing', listing[at]?.text ?? 'nothing'];
}

t.test('both entries have all seven checkpoints', async (t) => {
  for (const entry of ['multiboot32', 'efi64'] as const) {
    const { addresses, notPossible } = resolved(entry);
    t.strictSame(notPossible, []);
    t.equal(addresses.length, 7);
  }
});

t.test('an eighth where modules are handed over', async (t) => {
  const { addresses, notPossible } = planCheckpoints(image, symbols, 'multiboot32', disassembler, {
    reserves: true,
  });
  t.strictSame(notPossible, []);
  t.match(addresses.at(-1), { name: 'memory reserved', linear: virtual('init_frametable') });
});

t.test('symbols are where nm says', async (t) => {
  const [legacy, efi] = [resolved('multiboot32').addresses, resolved('efi64').addresses];
  const found = (addresses: readonly CheckpointAddress[], name: string) =>
    addresses.filter((address) => address.name === name).map(virtualOf);
  t.strictSame(found(legacy, 'entry'), [virtual('start')]);
  t.strictSame(found(efi, 'entry'), [virtual('__efi64_mb2_start')]);
  for (const addresses of [legacy, efi]) {
    t.strictSame(found(addresses, 'long mode'), [virtual('__high_start')]);
    t.strictSame(found(addresses, '__start_xen'), [virtual('__start_xen')]);
  }
  t.equal(symbols.virtualStart, VIRTUAL_START);
  t.equal(symbols.linear('__image_base__'), VIRTUAL_START);
});

t.test('between symbols, objdump shows the code that each stop comes after', async (t) => {
  const reloc = (virtual('reloc') & 0xffff_ffffn).toString(16);
  for (const entry of ['multiboot32', 'efi64'] as const) {
    t.match(around(entry, 'boot information relocated', 'trampoline_setup', 32)[0], `call   ${reloc}`);
    t.match(around(entry, 'page tables relocated', 'trampoline_setup', 32)[0], /^jb /);
    t.match(around(entry, 'trampoline copied', 'trampoline_setup', 32)[1], /^lret/);
  }
  t.match(around('multiboot32', 'base computed', '__start', 32)[0], /^sub +\$0x[0-9a-f]+,%esi/);
  t.match(around('efi64', 'base computed', 'x86_32_switch', 64)[0], /^lea .*\(%rip\),%esi.*<__image_base__>/);
});

t.test('the base registers are those of the code', async (t) => {
  const registers = (entry: EntryKind) =>
    resolved(entry).addresses.flatMap((address) => ('baseRegister' in address ? [address.baseRegister] : []));
  t.strictSame(registers('multiboot32'), ['esi']);
  t.strictSame(registers('efi64'), ['esi']);
});
