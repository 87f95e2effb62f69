/** The lines of a record whose checksum is right → its fields, or the first line that is none. record.ts: the format. */
import { hex } from '../bits/hex.ts';
import {
  type DescriptorTable,
  MAX_INFORMATION_BYTES,
  type ProbeEntry,
  type ProbeRecord,
  type ProbeSegment,
} from './record.ts';

/** The text is what the probe sent, and no record. */
export class ProbeRecordError extends Error {
  override readonly name = 'ProbeRecordError';
}

const BYTES_A_LINE = 32;
/** The probe has 4; a program header table has room for more. */
const MAX_SEGMENTS = 16;
const ENTRIES: readonly ProbeEntry[] = ['multiboot32', 'efi64'];
/** More of a hostile line than this helps nobody. */
const MAX_QUOTED_CHARS = 79;

/** Name → hexadecimal digits. */
type Layout = Readonly<Record<string, number>>;
type Fields<L extends Layout> = { readonly [name in keyof L]: bigint };

/** Takes one line after the other. */
class LineCursor {
  #next = 0;

  constructor(readonly lines: readonly string[]) {}

  get line(): string | undefined {
    return this.lines[this.#next];
  }

  /** The fields of the next line. @throws ProbeRecordError where it is another. */
  take<L extends Layout>(words: string, layout: L): Fields<L> {
    const fields = this.tryTake(words, layout);
    if (!fields) throw this.error(`where \`probe ${words}\` with ${Object.keys(layout).join(', ')} belongs`);
    return fields;
  }

  /** The same; undefined, and nothing taken, where the next line is another. */
  tryTake<L extends Layout>(words: string, layout: L): Fields<L> | undefined {
    const names = Object.keys(layout);
    const pattern = names.map((name) => ` ${name}=([0-9a-f]{${layout[name]}})`).join('');
    const found = new RegExp(`^probe ${words}${pattern}$`).exec(this.line ?? '');
    if (!found) return undefined;
    this.#next++;
    return Object.fromEntries(names.map((name, at) => [name, BigInt(`0x${found[at + 1]}`)])) as Fields<L>;
  }

  /** The captures of the next line. @throws ProbeRecordError */
  match(pattern: RegExp, what: string): readonly string[] {
    const found = pattern.exec(this.line ?? '');
    if (!found) throw this.error(`where ${what} belongs`);
    this.#next++;
    return found.slice(1);
  }

  error(problem: string): ProbeRecordError {
    const { line } = this;
    const said =
      line === undefined ? 'the record ends' : `it says ${JSON.stringify(line.slice(0, MAX_QUOTED_CHARS))}`;
    return new ProbeRecordError(`line ${this.#next + 1}: ${said} ${problem}`);
  }
}

/**
 * @param lines from the begin line up to the one before the end line.
 * @throws ProbeRecordError naming the line.
 */
export function parseRecordLines(lines: readonly string[]): ProbeRecord {
  const cursor = new LineCursor(lines);
  const [name, variant] = cursor.match(
    /^probe 1 begin entry=(\w+) variant=([0-9a-f]{4})$/,
    'the begin line of version 1',
  );
  const entry = ENTRIES.find((known) => known === name);
  if (!entry) throw new ProbeRecordError(`line 1: no entry is called ${JSON.stringify(name)}`);
  const wide = entry === 'efi64' ? 16 : 8;
  const image = cursor.take('image', { run: 8, link: 8 });
  const record = {
    entry,
    variant: Number.parseInt(variant ?? '', 16),
    runBase: Number(image.run),
    linkBase: Number(image.link),
    ...takeRegisters(cursor, entry, wide),
    ...takeMachine(cursor, wide),
    segments: takeSegments(cursor),
    ...takeInformation(cursor, wide),
  };
  if (cursor.line !== undefined) throw cursor.error('after the last byte');
  if (Number(record.registers.rsp & 15n) !== record.stackModulo)
    throw new ProbeRecordError(`the stack pointer modulo 16 is not ${record.stackModulo}`);
  return record;
}

function takeRegisters(
  cursor: LineCursor,
  entry: ProbeEntry,
  wide: number,
): Pick<ProbeRecord, 'registers' | 'flags'> {
  const { ax, bx, cx } = cursor.take('general', { ax: wide, bx: wide, cx: wide });
  const { dx, si, di } = cursor.take('general', { dx: wide, si: wide, di: wide });
  const { bp, sp, flags } = cursor.take('general', { bp: wide, sp: wide, flags: wide });
  const legacy = { rax: ax, rbx: bx, rcx: cx, rdx: dx, rsi: si, rdi: di, rbp: bp, rsp: sp };
  if (entry === 'multiboot32') return { registers: legacy, flags };
  const extended = {
    ...cursor.take('general', { r8: wide, r9: wide, r10: wide }),
    ...cursor.take('general', { r11: wide, r12: wide, r13: wide }),
    ...cursor.take('general', { r14: wide, r15: wide }),
  };
  return { registers: { ...legacy, ...extended }, flags };
}

type Machine = Pick<
  ProbeRecord,
  'selectors' | 'gdtr' | 'idtr' | 'a20' | 'stackModulo' | 'cr0' | 'cr3' | 'cr4' | 'efer'
>;

function takeMachine(cursor: LineCursor, wide: number): Machine {
  const selectors = cursor.take('selectors', { cs: 4, ds: 4, es: 4, fs: 4, gs: 4, ss: 4 });
  const table = (word: string): DescriptorTable => {
    const { base, limit } = cursor.take(word, { base: wide, limit: 4 });
    return { base, limit: Number(limit) };
  };
  const [gdtr, idtr] = [table('gdt'), table('idt')];
  const { a20, stack } = cursor.take('memory', { a20: 1, stack: 1 });
  if (a20 > 1n) throw new ProbeRecordError(`a20 is ${a20}, neither 0 nor 1`);
  return {
    selectors: {
      cs: Number(selectors.cs),
      ds: Number(selectors.ds),
      es: Number(selectors.es),
      fs: Number(selectors.fs),
      gs: Number(selectors.gs),
      ss: Number(selectors.ss),
    },
    gdtr,
    idtr,
    a20: a20 === 1n,
    stackModulo: Number(stack),
    ...cursor.take('control', { cr0: wide, cr3: wide, cr4: wide }),
    efer: cursor.tryTake('efer', { value: 16 })?.value,
  };
}

function takeSegments(cursor: LineCursor): readonly ProbeSegment[] {
  const segments: ProbeSegment[] = [];
  while (segments.length < MAX_SEGMENTS) {
    const index = segments.length.toString(16);
    const file = cursor.tryTake(`segment ${index}`, { run: 8, link: 8, size: 8, crc32: 8 });
    if (!file) break;
    const bss = cursor.take(`bss ${index}`, { size: 8, nonzero: 8 });
    const filesz = Number(file.size);
    segments.push({
      run: Number(file.run),
      link: Number(file.link),
      filesz,
      memsz: filesz + Number(bss.size),
      crc32: Number(file.crc32),
      nonzeroBss: Number(bss.nonzero),
    });
  }
  if (segments.length === 0) throw cursor.error('where the first segment belongs');
  return segments;
}

function takeInformation(
  cursor: LineCursor,
  wide: number,
): Pick<ProbeRecord, 'informationAddress' | 'informationSize' | 'information'> {
  const { address, size, shown } = cursor.take('information', { address: wide, size: 8, shown: 8 });
  const expected = Math.min(Number(size), MAX_INFORMATION_BYTES);
  if (Number(shown) !== expected)
    throw new ProbeRecordError(
      `of ${Number(size)} bytes of boot information ${expected} are to be shown, not ${Number(shown)}`,
    );
  const information = new Uint8Array(expected);
  for (let offset = 0; offset < expected; offset += BYTES_A_LINE) {
    const count = Math.min(BYTES_A_LINE, expected - offset);
    const pattern = new RegExp(`^probe i ${hex(offset, 4).slice(2)} ([0-9a-f]{${2 * count}})$`);
    const [digits] = cursor.match(pattern, `boot information from offset ${hex(offset, 4)} on`);
    information.set(Buffer.from(digits ?? '', 'hex'), offset);
  }
  return { informationAddress: address, informationSize: Number(size), information };
}
