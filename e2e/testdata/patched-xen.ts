/**
 * Xen with one instruction or one text broken, in image and symbol file alike. What is broken is found by what it does,
 * as harness/xen/checkpoint-addresses.ts finds its checkpoints, so another compiler's Xen can be broken, too.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot } from '../../harness/cli/surroundings.ts';
import { type ElfImage, loadSegments, parseElf } from '../../harness/elf/elf-image.ts';
import { parseSourceSpec } from '../../harness/sources/source-spec.ts';
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import type { Instruction } from '../../harness/x86/instruction.ts';
import { xenBuildIfCached } from '../../harness/xen/build.ts';
import { parseBootImage, XenSymbols } from '../../harness/xen/xen-image.ts';

export interface XenFiles {
  readonly image: string;
  readonly symbols: string;
}

/** The default Xen, as set-up built it. */
export async function builtXen(): Promise<XenFiles> {
  const context = { cacheRoot: cacheRoot(), onProgress: () => undefined };
  const build = await xenBuildIfCached({ source: parseSourceSpec('debian', 'xen') }, context);
  if (!build) throw new Error('Xen is not built yet: sh scripts/setup.sh');
  return { image: build.image, symbols: build.symbols };
}

/** Bytes to stand at a link-time physical address instead of those that are there. */
export interface Patch {
  readonly linkTime: number;
  readonly bytes: Uint8Array;
}

/** What a patch is found from; addresses are link-time physical ones. */
export interface XenReader {
  code(symbol: string): readonly Instruction[];
  /** Where text stands in the image. */
  linkTimeOf(text: string): number;
  linkTime(symbol: string): number;
}

/** Copies of the default Xen's files with `find`'s patch, in `folder`. */
export async function patchedXen(folder: string, find: (xen: XenReader) => Patch): Promise<XenFiles> {
  const built = await builtXen();
  const [image, symbols] = [await readFile(built.image), await readFile(built.symbols)];
  const boot = parseBootImage(image);
  const table = new XenSymbols(symbols, boot.loaded.linkBase);
  const disassembler = await loadDisassembler();
  const patch = find({
    linkTime: (symbol) => table.linkTime(symbol),
    code: (symbol) =>
      disassembler.decode(table.bytes(table.linear(symbol), 1024) ?? new Uint8Array(), {
        bitness: 32,
        address: BigInt(table.linkTime(symbol)),
      }),
    linkTimeOf: (text) => linkTimeAt(boot.elf, image.indexOf(text)),
  });
  image.set(patch.bytes, fileOffset(boot.elf, BigInt(patch.linkTime)));
  symbols.set(patch.bytes, fileOffset(parseElf(symbols), BigInt(patch.linkTime) + table.virtualStart));
  const files = { image: join(folder, 'xen'), symbols: join(folder, 'xen-syms') };
  await writeFile(files.image, image);
  await writeFile(files.symbols, symbols);
  return files;
}

function fileOffset(elf: ElfImage, vaddr: bigint): number {
  const segment = loadSegments(elf).find((s) => vaddr >= s.vaddr && vaddr < s.vaddr + BigInt(s.filesz));
  if (!segment) throw new Error(`0x${vaddr.toString(16)} is in no segment`);
  return segment.offset + Number(vaddr - segment.vaddr);
}

function linkTimeAt(elf: ElfImage, offset: number): number {
  const segment = loadSegments(elf).find((s) => offset >= s.offset && offset < s.offset + s.filesz);
  if (!segment) throw new Error('that text is in no segment');
  return Number(segment.vaddr) + offset - segment.offset;
}

/** Case (a) forgotten: `mov %eax, boot_tsc_stamp(%esi)` becomes `mov %eax, boot_tsc_stamp; nop` (A3 moffs32, 90). */
export function timeStampStoredAtLinkTime(xen: XenReader): Patch {
  const stamp = xen.linkTime('boot_tsc_stamp');
  const store = xen
    .code('trampoline_setup')
    .find(
      ({ operands: [to, from] }) =>
        to?.kind === 'memory' &&
        Number(to.displacement) === stamp &&
        from?.kind === 'register' &&
        from.register === 'eax',
    );
  if (store?.length !== 6) throw new Error('no six-byte store of %eax to boot_tsc_stamp in trampoline_setup');
  const bytes = Buffer.from([0xa3, 0, 0, 0, 0, 0x90]);
  bytes.writeUInt32LE(stamp, 1);
  return { linkTime: Number(store.address), bytes };
}

/** Case (c) forgotten: in the loop up to `__page_tables_end`, the addition of the base becomes no-ops. */
export function pageTablesNotRelocated(xen: XenReader): Patch {
  const end = BigInt(xen.linkTime('__page_tables_end'));
  const code = xen.code('trampoline_setup');
  const loop = code.findIndex(({ operands }) =>
    operands.some((operand) => operand.kind === 'memory' && operand.displacement === end),
  );
  const add = code.slice(loop + 1).find(({ mnemonic }) => mnemonic === 'add');
  if (loop < 0 || !add) throw new Error('no addition in a loop up to __page_tables_end');
  return { linkTime: Number(add.address), bytes: Buffer.alloc(add.length, 0x90) };
}

/** One `lea symbol(%esi)` in `trampoline_setup` names a place some bytes further on. */
function leaShifted(symbol: string, shift: number): (xen: XenReader) => Patch {
  return (xen) => {
    const place = xen.linkTime(symbol);
    const lea = xen
      .code('trampoline_setup')
      .find(
        ({ mnemonic, operands: [, from] }) =>
          mnemonic === 'lea' && from?.kind === 'memory' && Number(from.displacement) === place,
      );
    if (!lea) throw new Error(`no lea of ${symbol} in trampoline_setup`);
    const bytes = Buffer.from(lea.bytes);
    bytes.writeUInt32LE(place + shift, bytes.length - 4);
    return { linkTime: Number(lea.address), bytes };
  };
}

/** The loop that relocates page table entries begins one late: the first entry, a present one, keeps its link-time value. */
export const onePageTableEntryForgotten = leaShifted('__page_tables_start', 8);

/** The trampoline is copied from four bytes further on. */
export const trampolineShifted = leaShifted('trampoline_start', 4);

/** `sub $imm32, %reg` after `call; pop %reg` in `__start` takes 2 MiB too much. */
export function baseOffByTwoMib(xen: XenReader): Patch {
  const code = xen.code('__start');
  const pop = code.findIndex(({ mnemonic }, i) => mnemonic === 'pop' && code[i - 1]?.flow === 'call');
  const sub = code[pop + 1];
  if (pop < 0 || sub?.mnemonic !== 'sub') throw new Error('no call, pop, sub in __start');
  const bytes = Buffer.from(sub.bytes);
  const immediate = bytes.length - 4;
  bytes.writeUInt32LE(bytes.readUInt32LE(immediate) + 0x20_0000, immediate);
  return { linkTime: Number(sub.address), bytes };
}

/** The early error for a misaligned base says something else. */
export function otherEarlyError(xen: XenReader): Patch {
  return {
    linkTime: xen.linkTimeOf('ERR: Xen must be loaded at a 2Mb'),
    bytes: Buffer.from('ERR: Xen MUST'),
  };
}
