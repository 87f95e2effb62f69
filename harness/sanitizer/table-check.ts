/** What the CPU was given as descriptor tables, segments and page tables (SDM 3A §2.4, §3.4.5, §4.5). */
import { hex } from '../bits/hex.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';
import {
  BASE,
  CR0,
  CR3,
  CR4,
  EFER,
  GDTR,
  IDTR,
  SEGMENT_NAMES,
  segmentWord,
} from '../x86/state/state-layout.ts';
import type { Sanitizer } from './sanitizer.ts';
import { isLinkTime } from './territory.ts';

const [PRESENT, LARGE] = [1, 0x80];
const PAGING = 1 << 31;
const PAE = 1 << 5;
const LONG_MODE_ACTIVE = 1 << 10;
/** Hostile tables may form any graph. */
const MOST_TABLES = 64;

const BASES = [
  { name: 'gdtr.base', word: GDTR },
  { name: 'idtr.base', word: IDTR },
  ...SEGMENT_NAMES.map((name, index) => ({ name: `${name}.base`, word: segmentWord(index) + BASE })),
];

/** @param at linear address of the instruction that loaded something */
export function checkTables(cpu: Cpu, sanitizer: Sanitizer, at: bigint): void {
  const { words } = cpu;
  if (sanitizer.linkBytes === 0) return;
  for (const { name, word } of BASES) {
    const base = words[word]!;
    if (base !== 0 && isSuspicious(sanitizer, base >>> 0, words[word + 1]!))
      sanitizer.loaded(name, base >>> 0, at);
  }
  if ((words[CR0]! & PAGING) === 0 || sanitizer.knowsTables(words[CR3]!, words[CR3 + 1]!)) return;
  sanitizer.unwatched(() => walk(cpu, sanitizer, at));
}

function isSuspicious({ territory }: Sanitizer, low: number, high: number): boolean {
  return high === 0 && isLinkTime(territory, low, 1);
}

/** Tables below CR3 that lie in the link-time range. Leaves are judged by what is accessed through them. */
function walk({ words, physical }: Cpu, sanitizer: Sanitizer, at: bigint): void {
  const isLong = (words[EFER]! & LONG_MODE_ACTIVE) !== 0;
  const isWide = isLong || (words[CR4]! & PAE) !== 0;
  const root = words[CR3]! & (isWide && !isLong ? -32 : -PAGE_BYTES);
  if (isSuspicious(sanitizer, root >>> 0, words[CR3 + 1]!)) sanitizer.loaded('cr3', root >>> 0, at);
  const seen = new Set<number>();
  const visit = (table: number, depth: number): void => {
    // A last table has only leaves.
    if (depth === 1 || seen.has(table) || seen.size >= MOST_TABLES) return;
    seen.add(table);
    const entries = depth === 3 && !isLong ? 4 : isWide ? 512 : 1024;
    const { view } = physical.page(Math.floor(table / PAGE_BYTES));
    for (let index = 0; index < entries; index++) {
      const entry = (table % PAGE_BYTES) + index * (isWide ? 8 : 4);
      const low = view.getInt32(entry, true);
      const isLeaf = (low & LARGE) !== 0 && depth < 4;
      if ((low & PRESENT) === 0 || isLeaf) continue;
      const high = isWide ? view.getInt32(entry + 4, true) & 0xf_ffff : 0;
      const next = (low & -PAGE_BYTES) >>> 0;
      if (isSuspicious(sanitizer, next, high))
        sanitizer.loaded(`entry ${index} of the page table at ${hex(table)}`, next, at);
      visit(high * 0x1_0000_0000 + next, depth - 1);
    }
  };
  visit((words[CR3 + 1]! >>> 0) * 0x1_0000_0000 + (root >>> 0), isLong ? 4 : isWide ? 3 : 2);
}
