import type { ExecutableInstruction } from '../instruction.ts';

export function undefinedFlags(_instruction: ExecutableInstruction): number {
  return 0;
}
