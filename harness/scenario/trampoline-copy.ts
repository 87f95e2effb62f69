/** Where Xen put its trampoline, read from the guest without the gdbstub, which would stop it. */
import type { BootSession } from '../boot/boot-session.ts';
import { hex } from '../bits/hex.ts';
import { humanMonitor } from '../boot/guest.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { TrampolineCopy } from './symboliser.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';

const PAGE = 0x1000;
const CONVENTIONAL_END = 0xa_0000;

/** @returns undefined where Xen has not chosen a place yet, or nobody can tell. */
export async function trampolineOf(
  { machine: { qmp } }: BootSession,
  { symbols, image }: Pick<SubjectFacts, 'symbols' | 'image'>,
  loadBase: number | undefined,
  deadline: Deadline,
): Promise<TrampolineCopy | undefined> {
  const names = ['trampoline_phys', 'trampoline_start', 'trampoline_end'];
  if (loadBase === undefined || !symbols || !names.every((name) => symbols.has(name))) return undefined;
  const variable = symbols.linkTime('trampoline_phys') - image.loaded.linkBase + loadBase;
  const text = await humanMonitor(qmp, `xp /1wx ${hex(variable)}`, deadline).catch(() => '');
  const start = Number.parseInt(/: 0x([0-9a-f]{8})\s*$/.exec(text)?.[1] ?? '0', 16);
  if (start === 0 || start % PAGE !== 0 || start >= CONVENTIONAL_END) return undefined;
  return { start, sizeBytes: symbols.linkTime('trampoline_end') - symbols.linkTime('trampoline_start') };
}
