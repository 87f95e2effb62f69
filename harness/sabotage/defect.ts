/** A defect of our own making, as a record: what is broken, on which instances it is tried, and what must be said then. */
import type { GrubVariant } from '../grub/variants.ts';
import type { MachineSpec } from '../qemu/machine-spec.ts';
import type { Verdict } from '../scenario/contract.ts';
import type { Patch, XenReader } from './xen-reader.ts';

/** How a defect is made; exactly one thing of an ordinary instance is changed. */
export type Making =
  /** In image and symbol file alike, as if Xen had been built so. */
  | { readonly depth: 'image'; readonly patches: (xen: XenReader) => readonly Patch[] }
  | { readonly depth: 'grub'; readonly variant: Exclude<GrubVariant, 'standard'> }
  | { readonly depth: 'machine'; readonly change: Partial<Pick<MachineSpec, 'memoryMib' | 'cpuFeatures'>> };

export interface ExpectedEnd {
  /** Any of these is right. */
  readonly verdicts: readonly Exclude<Verdict, 'pass' | 'skip' | 'error'>[];
  /** The witness that must be the first to complain; left out where the end itself is what tells. */
  readonly witness?: string;
  /** The one line of the verdict. */
  readonly reason: RegExp;
  /** How the machine may have died, by kind; asked only of a result that names its death. Left out: not asked. */
  readonly deaths?: readonly string[];
}

export interface Defect {
  readonly name: string;
  /** What is broken, and what a user would see of it. */
  readonly claim: string;
  /** The upstream commit whose fix this undoes or whose defect it resembles. */
  readonly history?: string;
  readonly make: Making;
  /** Names of default instances; each must end as expected. */
  readonly instances: readonly string[];
  readonly expected: ExpectedEnd;
  /** What loadbase does not have yet and this defect cannot be seen without: it is run and reported, and may survive. */
  readonly needs?: string;
}
