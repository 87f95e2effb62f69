/**
 * From executed blocks to the places where control left what was logged. What runs outside is not seen; but a block that
 * ends in a call and is followed by the call's own return address tells of it, and so does a jump through a register
 * that is followed by a return address further up: a thunk that went outside. Pure.
 *
 * Better one place too many than one too few: whoever stops there sees whether control leaves.
 */
import type { Disassembler } from '../x86/disassembler.ts';
import type { Block, ExecutedBlocks } from './block-log.ts';
import { type BlockEnd, type CodeReader, decodeBlock } from './decoded-block.ts';

/** An instruction that leaves the inside, or may. */
export interface CallSite {
  /** Linear address of its first byte. */
  readonly linear: bigint;
  readonly text: string;
  /** Linear addresses where control was inside again. */
  readonly returns: readonly bigint[];
}

/** A repeated string instruction that ran. */
export interface RepeatSite {
  readonly linear: bigint;
  /** Linear address of the next instruction. */
  readonly next: bigint;
  readonly text: string;
  /** Iterations in a row that QEMU ran as blocks of their own: one less or as many as there were. */
  readonly longestRun: number;
}

export interface Sites {
  readonly calls: readonly CallSite[];
  readonly repeats: readonly RepeatSite[];
}

/** Deeper calls are forgotten, the outermost first. */
const MAX_DEPTH = 4096;

export function findSites(
  { blocks, sequence }: ExecutedBlocks,
  code: CodeReader,
  disassembler: Disassembler,
): Sites {
  const decoded = blocks.map((block) => decodeBlock(block, code, disassembler));
  const returns = new ReturnStack();
  const calls = new Map<bigint, { readonly text: string; readonly returns: Set<bigint> }>();
  for (let i = 0; i + 1 < sequence.length; i++) {
    const { end, starts } = decoded[sequence[i]!]!;
    const to = blocks[sequence[i + 1]!]!.linear;
    if (!end || follows(end, starts, to, returns)) continue;
    const site = calls.get(end.linear) ?? { text: end.text, returns: new Set() };
    calls.set(end.linear, site);
    site.returns.add(to);
  }
  return {
    calls: [...calls].map(([linear, { text, returns: to }]) => ({ linear, text, returns: [...to] })),
    repeats: repeatSites(
      blocks,
      decoded.flatMap(({ repeats }) => repeats),
    ),
  };
}

/** Return addresses of the calls that have not returned. */
class ReturnStack {
  readonly #addresses: bigint[] = [];

  push(address: bigint): void {
    this.#addresses.push(address);
    if (this.#addresses.length > MAX_DEPTH) this.#addresses.shift();
  }

  /** Takes `to` and what is above it away. @returns how much was above it; undefined where it is not there. */
  popTo(to: bigint): number | undefined {
    const at = this.#addresses.lastIndexOf(to);
    if (at < 0) return undefined;
    return this.#addresses.splice(at).length - 1;
  }
}

/** Whether a block's end can have gone to `to` without anything else between. */
function follows(end: BlockEnd, starts: ReadonlySet<bigint>, to: bigint, returns: ReturnStack): boolean {
  const { flow, target, after } = end;
  const isCut = starts.has(to);
  switch (flow) {
    case 'call':
    case 'interrupt':
      if (to === target || (target === undefined && to !== after && !isCut)) {
        if (to !== after) returns.push(after);
        return true;
      }
      return isCut;
    case 'return':
      // Past an address that was to be returned to first: that was replaced, as retpolines do.
      return isCut || (returns.popTo(to) ?? 0) === 0;
    case 'jump':
      if (target !== undefined) return isCut || to === target;
      return isCut || returns.popTo(to) === undefined;
    case 'conditional':
      return isCut || to === target || to === after;
    case 'next':
    case 'other':
      return true;
  }
}

function repeatSites(
  blocks: readonly Block[],
  found: readonly Omit<RepeatSite, 'longestRun'>[],
): RepeatSite[] {
  const runs = new Map<bigint, number>();
  for (const { linear, longestRun } of blocks) runs.set(linear, Math.max(longestRun, runs.get(linear) ?? 0));
  const sites = new Map(
    found.map((site) => [site.linear, { ...site, longestRun: Math.max(1, runs.get(site.linear) ?? 0) }]),
  );
  return [...sites.values()];
}
