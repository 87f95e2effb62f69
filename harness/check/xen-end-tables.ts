/** Xen's page tables when it comes to `__start_xen`, by what they map. Source: Xen 4.17's head.S and x86_64.S. */
import { hex } from '../bits/hex.ts';
import { alignUp, MIB } from '../bits/align.ts';
import { equal, holds, type Observation } from '../guest/guest-view.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import { CR3, EFER } from '../x86/state/state-layout.ts';
import { word32At, type EndState, type PhysicalRange } from './end-state.ts';
import { walkPageTables, type Mapping, type PageTables } from './page-table-walk.ts';

const [SMALL_PAGE, LARGE_PAGE] = [4096, 2 * MIB];
/** What one entry of the PML4 maps. */
const SLOT = 1n << 39n;
/** Where Xen maps all memory: `DIRECTMAP_VIRT_START` of its config.h. */
const DIRECT_MAP = 0xffff_8300_0000_0000n;
/** MAXPHYADDR of the smallest CPU that boots Xen in QEMU; all that is mapped here is below 4 GiB. */
const PHYSICAL_BITS = 40;
const EXECUTE_DISABLE = 1 << 11;
const [PRESENT, WRITABLE, USER] = [1, 2n, 4n];
const SHOWN = 3;

/** Facts of an image, made once for all its bases. */
export class XenEndTables {
  readonly #symbols: ImageSymbols;
  readonly #linkBase: number;
  readonly #loadSize: number;
  /** Entries that are present in the file: where, and their value at the link base. */
  readonly #prebuilt: readonly { readonly linkTime: number; readonly value: number }[];

  constructor(symbols: ImageSymbols, image: { readonly linkBase: number; readonly loadSize: number }) {
    this.#symbols = symbols;
    this.#linkBase = image.linkBase;
    this.#loadSize = image.loadSize;
    this.#prebuilt = prebuiltEntries(symbols);
  }

  observe(state: EndState): Observation[] {
    const { words, memory, loadBase } = state;
    const cr3 = BigInt(words[CR3]! >>> 0) | (BigInt(words[CR3 + 1]! >>> 0) << 32n);
    const hasExecuteDisable = (words[EFER]! & EXECUTE_DISABLE) !== 0;
    const tables = walkPageTables(memory, cr3, { physicalBits: PHYSICAL_BITS, hasExecuteDisable });
    return [
      equal('CR3', cr3, this.#at('idle_pg_table', loadBase)),
      this.#prebuiltEntries(state),
      this.#home(tables, loadBase),
      holds(
        tables.bad.length === 0 && !tables.isCut,
        'no entry has a reserved bit set or leads to no memory',
        badInWords(tables),
      ),
      this.#bootTables(tables, loadBase),
      this.#own(tables, loadBase),
      this.#mapped(tables, loadBase, 0n, 'identity map'),
      this.#mapped(tables, loadBase, DIRECT_MAP, 'direct map'),
      this.#lowMemory(tables),
      this.#nothingElse(tables, state),
      this.#rights(tables),
    ];
  }

  #at(symbol: string, loadBase: number): number {
    return this.#symbols.linkTime(symbol) - this.#linkBase + loadBase;
  }

  #prebuiltEntries({ memory, loadBase }: EndState): Observation {
    const start = loadBase - this.#linkBase;
    const wrong = this.#prebuilt
      .map(({ linkTime, value }) => ({
        linkTime,
        seen: word32At(memory, linkTime + start),
        wanted: (value + start) >>> 0,
      }))
      .filter(({ seen, wanted }) => seen !== wanted)
      .map(
        ({ linkTime, seen, wanted }) => `${this.#entryName(linkTime)} is ${hex(seen)}, not ${hex(wanted)}`,
      );
    return holds(
      wrong.length === 0 && this.#prebuilt.length > 0,
      `each of ${this.#prebuilt.length} prebuilt entries is its link-time value + ${hex(start)}`,
      listed(wrong, 'the symbol file holds no prebuilt entries'),
    );
  }

  #entryName(linkTime: number): string {
    const near = this.#symbols.nearest(BigInt(linkTime) + this.#symbols.virtualStart);
    return near ? `${near.name}[${near.offset / 8n}]` : hex(linkTime);
  }

  #home({ tables }: PageTables, loadBase: number): Observation {
    const away = tables.filter(
      ({ physical }) => physical < loadBase || physical + SMALL_PAGE > loadBase + this.#loadSize,
    );
    return holds(
      away.length === 0,
      `its ${tables.length} page tables lie in the image`,
      listed(away.map(({ physical, linear }) => `the table for ${hex(linear, 16)} is at ${hex(physical)}`)),
    );
  }

  /** The tables that head.S links together itself. */
  #bootTables({ tables }: PageTables, loadBase: number): Observation {
    const wanted = [
      ...[0, 1, 2, 3].map((index) => ({ level: 2, linear: BigInt(index) << 30n, of: 'l2_bootmap', index })),
      { level: 1, linear: 0n, of: 'l1_bootmap', index: 0 },
    ];
    const wrong = wanted.flatMap(({ level, linear, of, index }) => {
      const physical = this.#at(of, loadBase) + index * SMALL_PAGE;
      const seen = tables.find((table) => table.level === level && table.linear === linear)?.physical;
      const where = seen === undefined ? 'not there' : `at ${hex(seen)}`;
      return seen === physical
        ? []
        : [`the level ${level} table for ${hex(linear)} is ${where}, not at ${hex(physical)} (${of})`];
    });
    return holds(wrong.length === 0, 'l2_bootmap and l1_bootmap are linked in', listed(wrong));
  }

  /** Where Xen was linked to run. */
  #own({ mappings }: PageTables, loadBase: number): Observation {
    const first = this.#symbols.virtualStart + BigInt(this.#linkBase);
    const text = `${hex(first, 16)}, ${hex(this.#loadSize)} bytes, is mapped to ${hex(loadBase)}`;
    return pieceByPiece(mappings, first, loadBase, this.#loadSize, text);
  }

  #mapped({ mappings }: PageTables, loadBase: number, start: bigint, what: string): Observation {
    const text = `the ${what} has the image at ${hex(loadBase)}`;
    return pieceByPiece(mappings, start + BigInt(loadBase), loadBase, this.#loadSize, text);
  }

  #lowMemory({ mappings }: PageTables): Observation {
    return pieceByPiece(mappings, DIRECT_MAP, 0, LARGE_PAGE, 'the direct map has the first 2 MiB');
  }

  /** Beyond that: the trampoline's page alone. */
  #nothingElse({ mappings }: PageTables, { memory, loadBase }: EndState): Observation {
    const trampoline = word32At(memory, this.#at('trampoline_phys', loadBase));
    const size = alignUp(this.#loadSize, LARGE_PAGE);
    const image = { start: loadBase, end: loadBase + size };
    const own = this.#symbols.virtualStart + BigInt(this.#linkBase);
    const wrong = mappings.filter((each) => {
      const { linear, physical, sizeBytes } = each;
      const last = linear + BigInt(sizeBytes);
      if (linear >= own && last <= own + BigInt(size)) return false;
      if (BigInt.asUintN(39, linear) !== BigInt(physical)) return true;
      if (linear < SLOT)
        return !isWithin(each, image) && !(physical === trampoline && sizeBytes === SMALL_PAGE);
      const isDirect = linear >= DIRECT_MAP && last <= DIRECT_MAP + SLOT;
      return !isDirect || !(isWithin(each, image) || isWithin(each, { start: 0, end: LARGE_PAGE }));
    });
    return holds(
      wrong.length === 0,
      `nothing else is mapped but the trampoline at ${hex(trampoline)}`,
      listed(wrong.map(({ linear, physical }) => `${hex(linear, 16)} is mapped to ${hex(physical)}`)),
    );
  }

  #rights({ mappings }: PageTables): Observation {
    const wrong = mappings.filter(({ entry: { value }, pageBytes }) => {
      const isData = pageBytes === LARGE_PAGE;
      return (value & USER) !== 0n || (isData && (value & WRITABLE) === 0n);
    });
    return holds(
      wrong.length === 0,
      'no page is the user’s; the image can be written to',
      listed(wrong.map(({ linear, entry }) => `${hex(linear, 16)} has the entry ${hex(entry.value, 16)}`)),
    );
  }
}

function isWithin({ physical, sizeBytes }: Mapping, { start, end }: PhysicalRange): boolean {
  return physical >= start && physical + sizeBytes <= end;
}

/** Whether each piece of some linear range goes to the same piece of a physical one. */
function pieceByPiece(
  mappings: readonly Mapping[],
  linear: bigint,
  physical: number,
  sizeBytes: number,
  text: string,
): Observation {
  const end = linear + BigInt(sizeBytes);
  let [next, wrong] = [0, ''];
  for (const each of mappings) {
    if (each.linear + BigInt(each.sizeBytes) <= linear || each.linear >= end) continue;
    const offset = Number(each.linear - linear);
    if (offset > next) break;
    if (each.physical !== physical + offset) {
      wrong = `${hex(each.linear, 16)} is mapped to ${hex(each.physical)}, not to ${hex(physical + offset)}`;
      break;
    }
    next = offset + each.sizeBytes;
  }
  const otherwise =
    wrong || `${hex(linear + BigInt(next), 16)} is not mapped, not to ${hex(physical + next)}`;
  return holds(next >= sizeBytes, text, otherwise);
}

function prebuiltEntries(symbols: ImageSymbols): { linkTime: number; value: number }[] {
  const start = symbols.linear('__page_tables_start');
  const size = Number(symbols.linear('__page_tables_end') - start);
  const bytes = symbols.bytes(start, size) ?? new Uint8Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: { linkTime: number; value: number }[] = [];
  for (let offset = 0; offset + 8 <= size && offset + 8 <= bytes.length; offset += 8) {
    const value = view.getUint32(offset, true);
    if ((value & PRESENT) === 0) continue;
    entries.push({ linkTime: symbols.linkTime('__page_tables_start') + offset, value });
  }
  return entries;
}

function badInWords({ bad, isCut }: PageTables): string {
  const words = bad.map(
    ({ table, index, value, problem }) =>
      `entry ${index} of the level ${table.level} table at ${hex(table.physical)}, ${hex(value, 16)}: ${problem}`,
  );
  return listed(isCut ? ['the tables lead to themselves', ...words] : words);
}

function listed(wrong: readonly string[], none = ''): string {
  if (wrong.length === 0) return none;
  const more = wrong.length > SHOWN ? ` and ${wrong.length - SHOWN} more` : '';
  return `${wrong.slice(0, SHOWN).join('; ')}${more}`;
}
