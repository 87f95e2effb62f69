/** Executes: one instruction, or many as fast as possible. Guest faults go to the guest's own handlers. */
import { RIP } from '../state/state-layout.ts';
import type { Block, CodeCache } from './code-cache.ts';
import type { Cpu } from './cpu.ts';
import { deliver } from './exceptions.ts';
import { GuestFault } from './guest-fault.ts';
import { ModelStop, type StopReason } from './stop.ts';

export interface RunEnd {
  /** Instructions; one that faulted and was delivered counts, a repeated string instruction counts once. */
  readonly executed: number;
  readonly reason: StopReason;
}

/**
 * Executes one instruction; a repeated string instruction with all its iterations. A fault is delivered: afterwards the
 * first instruction of its handler is the next one.
 * @returns why it was not executed, with the state before it; undefined: it was.
 */
export function step(cpu: Cpu, code: CodeCache): StopReason | undefined {
  const end = execute(cpu, code);
  return end instanceof GuestFault ? delivered(cpu, end) : end;
}

/**
 * Executes one instruction and delivers nothing.
 * @returns the fault, or why it was not executed: but for the iterations of a repeated string instruction that ran, the
 * state is the one before it. undefined: it was executed.
 */
export function execute(cpu: Cpu, code: CodeCache): GuestFault | StopReason | undefined {
  const { words } = cpu;
  let length = 0;
  try {
    const { operations, lengths } = code.block(cpu, 1);
    length = lengths[0]!;
    advance(words, length);
    operations[0]!(cpu);
    return undefined;
  } catch (thrown) {
    if (length !== 0) retreat(words, length);
    return caught(thrown);
  }
}

/** Executes until something stops it. @param limit the block that reaches it is the last. */
export function run(cpu: Cpu, code: CodeCache, limit = Infinity): RunEnd {
  let executed = 0;
  while (executed < limit) {
    const end = runBlocks(cpu, code, limit - executed);
    executed += end.executed;
    if (end.reason) return { executed, reason: end.reason };
  }
  return { executed, reason: { kind: 'limit' } };
}

interface Progress {
  readonly executed: number;
  readonly reason: StopReason | undefined;
}

/**
 * One block after the other until one throws. Within a block the instruction pointer is moved only for those that look at
 * it; it is right again wherever the block is left.
 */
function runBlocks(cpu: Cpu, code: CodeCache, limit: number): Progress {
  let executed = 0;
  let block: Block | undefined;
  let index = 0;
  let [low, high] = [0, 0];
  const { words } = cpu;
  try {
    while (executed < limit) {
      const from: Block | undefined = block;
      index = 0;
      block = undefined;
      block = from !== undefined && isAfter(cpu, from) ? from.after! : following(cpu, code, from);
      low = words[RIP]!;
      high = words[RIP + 1]!;
      const { operations, advances, page, generation } = block;
      const { length: count } = operations;
      while (index < count) {
        const by = advances[index]!;
        if (by === 0) {
          operations[index++]!(cpu);
          if (page.generation === generation) continue;
          pointBehind(words, low, high, block.ends[index - 1]!);
          break;
        }
        advance(words, by);
        const behind = words[RIP]!;
        operations[index++]!(cpu);
        if (words[RIP] !== behind || page.generation !== generation) break;
      }
      executed += index;
    }
    return { executed, reason: undefined };
  } catch (thrown) {
    // The one that threw is begun anew, or by its handler's return.
    if (block) pointBehind(words, low, high, index < 2 ? 0 : block.ends[index - 2]!);
    const reason = handled(cpu, thrown);
    return { executed: executed + index - (reason !== undefined && block ? 1 : 0), reason };
  }
}

/** Whether control went from the block where it went the last time. */
function isAfter({ words, changes, memory, physical }: Cpu, from: Block): boolean {
  return (
    words[RIP] === from.afterLow &&
    words[RIP + 1] === from.afterHigh &&
    changes === from.afterChanges &&
    from.after!.version === memory.epoch + physical.codeChanges.count
  );
}

function following(cpu: Cpu, code: CodeCache, from: Block | undefined): Block {
  const block = code.block(cpu);
  if (from === undefined) return block;
  from.after = block;
  from.afterLow = cpu.words[RIP]!;
  from.afterHigh = cpu.words[RIP + 1]!;
  from.afterChanges = cpu.changes;
  return block;
}

/** @throws what neither the guest nor the model has caused */
function caught(thrown: unknown): GuestFault | StopReason {
  if (thrown instanceof GuestFault) return thrown;
  if (thrown instanceof ModelStop) return thrown.reason;
  throw thrown;
}

/** @returns why the model stops; undefined: the guest's handler goes on. */
function delivered(cpu: Cpu, fault: GuestFault): StopReason | undefined {
  try {
    deliver(cpu, fault);
    return undefined;
  } catch (stop) {
    if (stop instanceof ModelStop) return stop.reason;
    throw stop;
  }
}

/** @see delivered */
export function handled(cpu: Cpu, thrown: unknown): StopReason | undefined {
  const end = caught(thrown);
  return end instanceof GuestFault ? delivered(cpu, end) : end;
}

export function advance(words: Int32Array, length: number): void {
  const low = (words[RIP]! + length) | 0;
  words[RIP] = low;
  if (low >>> 0 < length) words[RIP + 1] = (words[RIP + 1]! + (words[RIP + 1] === 0 ? 0 : 1)) | 0;
}

export function retreat(words: Int32Array, length: number): void {
  const low = words[RIP]!;
  words[RIP] = (low - length) | 0;
  if (low >>> 0 < length && words[RIP + 1] !== 0) words[RIP + 1] = (words[RIP + 1]! - 1) | 0;
}

/** So many bytes behind an address. */
function pointBehind(words: Int32Array, low: number, high: number, bytes: number): void {
  words[RIP] = low;
  words[RIP + 1] = high;
  advance(words, bytes);
}
