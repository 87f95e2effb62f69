/** Where code goes round that never ends. */
import type { Sanitizer } from '../sanitizer/sanitizer.ts';
import type { CodeCache } from '../x86/execute/code-cache.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { step } from '../x86/execute/step.ts';
import type { LoopPlace } from './contract.ts';

/** A loop that prints kilobytes is gone round once; it takes some milliseconds. */
const SAMPLES = 1 << 15;
const MOST_PLACES = 16;

/** Executes some more and counts. @returns the lowest, by which a loop is known, and what was met most; ascending */
export function endlessLoop(cpu: Cpu, code: CodeCache, sanitizer: Sanitizer): LoopPlace[] {
  const times = new Map<bigint, number>();
  sanitizer.unwatched(() => {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const linear = cpu.linearInstruction;
      times.set(linear, (times.get(linear) ?? 0) + 1);
      if (step(cpu, code)) return;
    }
  });
  const met = [...times].map(([linear, count]) => ({ linear, times: count })).sort(byAddress);
  // What was met once may lead into the loop.
  const lowest = met.find((place) => place.times > 1) ?? met[0];
  const others = met.filter((place) => place !== lowest).sort((a, b) => b.times - a.times);
  return [...(lowest ? [lowest] : []), ...others.slice(0, MOST_PLACES - 1)].sort(byAddress);
}

function byAddress(a: LoopPlace, b: LoopPlace): number {
  return a.linear < b.linear ? -1 : 1;
}
