/** What the last plan of the default subject expected, so that `list` can say it without building or booting. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAligned, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import type { Instance } from './contract.ts';
import { expectationText } from './expectation.ts';
import type { PlannedInstance } from './plan.ts';

export interface RememberedExpectation {
  readonly base: string;
  readonly expected: string;
}

const file = (cacheRoot: string) => join(cacheRoot, 'expectations.json');

/** What cannot be kept is forgotten: `list` then says what holds in general. */
export async function rememberExpectations(
  cacheRoot: string,
  planned: readonly PlannedInstance[],
): Promise<void> {
  const known = { ...(await rememberedExpectations(cacheRoot)) };
  for (const plan of planned) {
    if (plan.kind !== 'ready' || plan.instance.repeat !== undefined) continue;
    known[plan.instance.name] = {
      base: plan.base === undefined ? baseWord(plan.instance) : hex(plan.base),
      expected: expectationText(plan.expectation),
    };
  }
  try {
    await mkdir(cacheRoot, { recursive: true });
    await writeFileAtomic(file(cacheRoot), JSON.stringify(known));
  } catch {
    // A run is not failed for it.
  }
}

export async function rememberedExpectations(
  cacheRoot: string,
): Promise<Record<string, RememberedExpectation>> {
  try {
    const known: unknown = JSON.parse(await readFile(file(cacheRoot), 'utf8'));
    return Object.fromEntries(Object.entries(known ?? {}).filter(isRemembered));
  } catch {
    return {};
  }
}

function isRemembered(entry: [string, unknown]): entry is [string, RememberedExpectation] {
  const { base, expected } = (entry[1] ?? {}) as Partial<RememberedExpectation>;
  return typeof base === 'string' && typeof expected === 'string';
}

export function baseWord({ base, protocol }: Instance): string {
  if (base.kind === 'at') return hex(base.address);
  if (base.kind === 'window') return 'window';
  return protocol === 'multiboot1' ? 'link base' : base.kind;
}

/** What can be said of an instance before any memory map was seen. Xen's own alignment is 2 MiB. */
export function generalExpectation({ base, protocol, grubVariant }: Instance): string {
  if (protocol === 'multiboot1') return 'boots at its link base: Multiboot 1 knows no relocation';
  if (grubVariant === 'no-relocation') return 'negative control: lands at its link base whatever is forced';
  switch (base.kind) {
    case 'any':
    case 'none':
      return 'boots where GRUB puts it';
    case 'highest':
      return 'boots at the highest base that the memory map allows';
    case 'firmware-owned':
      return 'GRUB refuses: the firmware keeps that memory';
    case 'window':
      return 'GRUB places it, or refuses, as the specification and the memory map say';
    case 'at':
      return isAligned(base.address, 2 * MIB)
        ? `boots at ${hex(base.address)}, unless the memory map predicts a refusal`
        : 'says that it must be loaded at a 2 MiB boundary';
  }
}
