/** Instructions and deliveries that change much before the last thing that may fault. */
import { CR2 } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';

/** Where `action` throws, all registers but CR2 are as before; what it wrote to memory stays, as on processors. */
export function undoing(cpu: Cpu, action: () => void): void {
  const { words } = cpu;
  const before = words.slice();
  try {
    action();
  } catch (thrown) {
    const [low, high] = [words[CR2]!, words[CR2 + 1]!];
    words.set(before);
    words[CR2] = low;
    words[CR2 + 1] = high;
    cpu.segmentsChanged();
    throw thrown;
  }
}
