/**
 * QEMU's log of executed blocks (`log exec,nochain`): where each begins, and in which order they ran.
 *
 *     Trace 0: 0x7f259c000100 [0000000000000000/0000000003e00000/000000b0/ff000200] symbol
 *
 * Source: QEMU 7.2 accel/tcg/cpu-exec.c, log_cpu_exec: [CS base/linear address/hidden flags/compilation flags];
 * target/i386/cpu.h, HF_CS32_SHIFT and HF_CS64_SHIFT.
 */
import { LogFormatError, shownLine } from './errors.ts';
import { MARK, RESET_LINE } from './log-parser.ts';

export interface Block {
  /** Of its first instruction; unsigned. */
  readonly linear: bigint;
  readonly csBase: bigint;
  readonly bitness: 16 | 32 | 64;
  /** How often it ran in a row without another between, at most. */
  readonly longestRun: number;
}

interface RunBlock extends Block {
  readonly index: number;
  longestRun: number;
}

/** What ran: `sequence` holds indices of `blocks`; a block that ran several times in a row stands there once. */
export interface ExecutedBlocks {
  /** In the order in which they first ran. */
  readonly blocks: readonly Block[];
  readonly sequence: Uint32Array;
}

const LINE = /^Trace \d+: 0x[0-9a-f]+ \[([0-9a-f]+)\/([0-9a-f]+)\/([0-9a-f]+)\//;
/** A block that was told and then not run, for QEMU had something to do first; it comes again. cpu_tb_exec. */
const STOPPED = 'Stopped execution of TB chain';
const CS32 = 1 << 4;
const CS64 = 1 << 15;
/** No line of it is longer, symbol included. */
const MAX_LINE_BYTES = 4096;

export class BlockLogParser {
  readonly #onMark: (text: string) => void;
  readonly #blocks = new Map<string, RunBlock>();
  #sequence = new Uint32Array(1 << 16);
  #length = 0;
  #held = '';
  #last: RunBlock | undefined;
  #run = 0;
  #count = 0;
  #reset: string | undefined;

  constructor(onMark: (text: string) => void = () => undefined) {
    this.#onMark = onMark;
  }

  executed(): ExecutedBlocks {
    return { blocks: [...this.#blocks.values()], sequence: this.#sequence.slice(0, this.#length) };
  }

  /** How many ran. */
  get count(): number {
    return this.#count;
  }

  /** What QEMU said of a reset, which ends the log. */
  get reset(): string | undefined {
    return this.#reset;
  }

  /** @throws LogFormatError */
  feed(chunk: Buffer): void {
    const lines = (this.#held + chunk.toString('latin1')).split('\n');
    this.#held = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
    if (this.#held.length > MAX_LINE_BYTES)
      throw new LogFormatError('a block', shownLine(Buffer.from(this.#held)));
  }

  #line(line: string): void {
    if (line.startsWith(MARK)) this.#onMark(line.slice(MARK.length));
    else if (this.#reset !== undefined) return;
    else if (RESET_LINE.test(line)) this.#reset = line;
    else if (!line.startsWith(STOPPED)) this.#block(line);
  }

  #block(line: string): void {
    const key = line.slice(line.indexOf('['), line.lastIndexOf('/'));
    const block = this.#blocks.get(key) ?? this.#add(key, line);
    this.#count++;
    this.#run = block === this.#last ? this.#run + 1 : 1;
    block.longestRun = Math.max(block.longestRun, this.#run);
    if (block !== this.#last) this.#append(block.index);
    this.#last = block;
  }

  #append(index: number): void {
    if (this.#length === this.#sequence.length) {
      const longer = new Uint32Array(2 * this.#length);
      longer.set(this.#sequence);
      this.#sequence = longer;
    }
    this.#sequence[this.#length++] = index;
  }

  #add(key: string, line: string): RunBlock {
    const [, csBase, linear, flags] = LINE.exec(line) ?? [];
    if (csBase === undefined || linear === undefined || flags === undefined)
      throw new LogFormatError('a block', shownLine(Buffer.from(line, 'latin1')));
    const hidden = Number.parseInt(flags, 16);
    const block: RunBlock = {
      linear: BigInt(`0x${linear}`),
      csBase: BigInt(`0x${csBase}`),
      bitness: hidden & CS64 ? 64 : hidden & CS32 ? 32 : 16,
      longestRun: 0,
      index: this.#blocks.size,
    };
    this.#blocks.set(key, block);
    return block;
  }
}
