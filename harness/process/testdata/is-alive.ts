import { readFileSync } from 'node:fs';

/** Whether the process still runs; one that is dead and not yet reaped by its new parent does not (proc(5), stat). */
export function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.startsWith('Z');
  } catch {
    return false;
  }
}
