/** Where code goes round that never ends. */
import type { Sanitizer } from '../sanitizer/sanitizer.ts';
import type { CodeCache } from '../x86/execute/code-cache.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { step } from '../x86/execute/step.ts';
import type { LoopPlace } from './contract.ts';

const SAMPLES = 4096;
const MOST_PLACES = 16;

/** Executes some more and counts. @returns what was met most, in the order of addresses */
export function endlessLoop(cpu: Cpu, code: CodeCache, sanitizer: Sanitizer): LoopPlace[] {
  const times = new Map<bigint, number>();
  sanitizer.unwatched(() => {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const linear = cpu.linearInstruction;
      times.set(linear, (times.get(linear) ?? 0) + 1);
      if (step(cpu, code)) return;
    }
  });
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_PLACES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([linear, count]) => ({ linear, times: count }));
}
