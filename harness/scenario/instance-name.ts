/** One grammar names an instance everywhere: title, folder, log, filter. `xen-early-boot~efi~base-0x03e00000~disk` */
import picomatch from 'picomatch';
import { closest } from 'fastest-levenshtein';
import { hex } from '../bits/hex.ts';
import type { BaseChoice, Instance } from './contract.ts';

export const DEFAULT_MEMORY_MIB = 2560;

/** Axes that stand in a name only where they differ from these. */
const DEFAULTS = {
  machine: 'q35',
  medium: 'iso',
  protocol: 'multiboot2',
  grubVariant: 'standard',
} as const;

export function baseName(base: BaseChoice): string {
  if (base.kind === 'window') return base.name;
  return base.kind === 'at' ? `base-${hex(base.address)}` : `base-${base.kind}`;
}

export function instanceName(instance: Omit<Instance, 'name'>): string {
  const axes = Object.entries(DEFAULTS) as [keyof typeof DEFAULTS, string][];
  return [
    instance.scenario,
    instance.firmware,
    // A protocol that knows no relocation has no base to name.
    ...(instance.base.kind === 'none' ? [] : [baseName(instance.base)]),
    ...(instance.variant === undefined ? [] : [instance.variant]),
    // A scenario's own subject is known by its name; a variant of the probe is not.
    ...(instance.subject.startsWith('probe-') ? [instance.subject] : []),
    ...axes.filter(([axis, usual]) => instance[axis] !== usual).map(([axis]) => instance[axis]),
    ...(instance.memoryMib === DEFAULT_MEMORY_MIB ? [] : [`memory-${instance.memoryMib}`]),
    ...(instance.repeat === undefined ? [] : [`repeat-${instance.repeat}`]),
  ].join('~');
}

/** What the repeats of one instance have in common. */
export function nameWithoutRepeat(name: string): string {
  return name.replace(/~repeat-\d+$/, '');
}

/** Which repeat a name is of. */
export function repeatInName(name: string): number | undefined {
  const found = /~repeat-(\d+)$/.exec(name);
  return found ? Number(found[1]) : undefined;
}

/** An instance with the usual axes, named. */
export function makeInstance(
  chosen: Pick<Instance, 'scenario' | 'subject' | 'firmware' | 'base'> & Partial<Omit<Instance, 'name'>>,
): Instance {
  const whole = { ...DEFAULTS, memoryMib: DEFAULT_MEMORY_MIB, ...chosen };
  return { ...whole, name: instanceName(whole) };
}

/** A kernel has at most as many instances. */
const MAX_NAMED = 12;

/** Nothing in the matrix has that name. */
export class UnknownInstanceError extends Error {
  override readonly name = 'UnknownInstanceError';
  constructor(pattern: string, names: readonly string[]) {
    const nearest = names.length > 0 ? closest(pattern, names) : undefined;
    // Those of a kernel of the user's are in no list.
    const all =
      names.length > 0 && names.length <= MAX_NAMED
        ? `There are ${names.join(', ')}`
        : '`loadbase list` shows them all';
    super(
      `no instance matches ${JSON.stringify(pattern)}${nearest ? `; the nearest is ${nearest}` : ''}. ${all}`,
    );
  }
}

/**
 * The instances whose name matches any of the globs; a scenario's name alone stands for all of it.
 * @throws UnknownInstanceError where a glob matches nothing.
 */
export function selectInstances(instances: readonly Instance[], globs: readonly string[]): Instance[] {
  if (globs.length === 0) return [...instances];
  const selected = new Set<Instance>();
  for (const glob of globs) {
    const matches = picomatch(glob, { dot: true, nonegate: true });
    const found = instances.filter(
      ({ name, scenario }) => name === glob || scenario === glob || matches(name),
    );
    if (found.length === 0)
      throw new UnknownInstanceError(
        glob,
        instances.map(({ name }) => name),
      );
    for (const instance of found) selected.add(instance);
  }
  return instances.filter((instance) => selected.has(instance));
}
