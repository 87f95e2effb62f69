/** The rules, one line each: what is watched, and what a reader is told. Source: DESIGN (words), HISTORY (invariants). */

/** What makes a rule speak. Places are those of {@link Territory}. */
export type Trigger =
  | { readonly on: 'read' | 'write' | 'execute'; readonly place: 'link-time range' | 'foreign memory' }
  | {
      readonly on: 'store of a pointer' | 'comparison' | 'load of a table';
      readonly place: 'link-time range';
    }
  | { readonly on: 'any access'; readonly place: 'high half before own CR3' }
  | { readonly on: 'firmware call'; readonly place: 'misaligned stack' };

export interface Rule {
  readonly name: string;
  readonly trigger: Trigger;
  /** A whole clause: `it reads where the image was linked, not where it is`. */
  readonly says: string;
}

export const RULES = [
  {
    name: 'link-time-read',
    trigger: { on: 'read', place: 'link-time range' },
    says: 'it reads where the image was linked, not where it is',
  },
  {
    name: 'link-time-write',
    trigger: { on: 'write', place: 'link-time range' },
    says: 'it writes where the image was linked, not where it is',
  },
  {
    name: 'link-time-execute',
    trigger: { on: 'execute', place: 'link-time range' },
    says: 'control goes to where the image was linked, not where it is',
  },
  {
    name: 'link-time-pointer',
    trigger: { on: 'store of a pointer', place: 'link-time range' },
    says: 'it stores a pointer to where the image was linked',
  },
  {
    name: 'link-time-comparison',
    trigger: { on: 'comparison', place: 'link-time range' },
    says: 'it compares an address of the image as it is loaded with one of where it was linked',
  },
  {
    name: 'link-time-table',
    trigger: { on: 'load of a table', place: 'link-time range' },
    says: 'the CPU is given a table, segment or page where the image was linked',
  },
  {
    name: 'foreign-read',
    trigger: { on: 'read', place: 'foreign memory' },
    says: 'it reads memory that nobody gave it',
  },
  {
    name: 'foreign-write',
    trigger: { on: 'write', place: 'foreign memory' },
    says: 'it writes memory that is not its own',
  },
  {
    name: 'foreign-execute',
    trigger: { on: 'execute', place: 'foreign memory' },
    says: 'control goes to memory that is not its own',
  },
  {
    name: 'early-high-half',
    trigger: { on: 'any access', place: 'high half before own CR3' },
    says: 'it uses its high half before its own CR3 is loaded',
  },
  {
    name: 'firmware-stack',
    trigger: { on: 'firmware call', place: 'misaligned stack' },
    says: 'it calls the firmware with a misaligned stack',
  },
] as const satisfies readonly Rule[];

export type RuleName = (typeof RULES)[number]['name'];
