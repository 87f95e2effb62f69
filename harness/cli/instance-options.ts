/** Which instances: globs and the options that narrow the default matrix or replace its bases. */
import type { Command } from 'commander';
import { alignUp, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { checkForcedBase } from '../multiboot2/forced-base.ts';
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import { lowRamSizeBytes } from '../qemu/machine-spec.ts';
import type { Firmware, Instance, SubjectName } from '../scenario/contract.ts';
import { DEFAULT_MEMORY_MIB, instanceName, selectInstances } from '../scenario/instance-name.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { Subjects } from '../scenario/prepare-subjects.ts';
import type { BootImage } from '../subject/boot-image.ts';
import { UsageError } from './exit-codes.ts';
import { baseAddress, listOf, oneOf, positiveInteger } from './options.ts';

export interface InstanceOptions {
  readonly scenario?: readonly string[];
  readonly firmware?: readonly Firmware[];
  readonly base?: readonly (number | 'all')[];
  readonly memory?: number;
  readonly repeat?: number;
}

export function addInstanceOptions(command: Command, scenarios: readonly Scenario[]): Command {
  const names = scenarios.map(({ name }) => name);
  return command
    .option('--scenario <name,…>', `only these scenarios (e.g. ${names[0] ?? ''})`, listOf(oneOf(names)))
    .option(
      '--firmware <name,…>',
      'only bios or efi (e.g. --firmware efi)',
      listOf(oneOf(['bios', 'efi'] as const)),
    )
    .option(
      '--base <hex,…>',
      'force these load bases instead of the matrix’s (e.g. 0x3e00000,0x80000000), or all: every aligned one',
      listOf(baseAddress),
    )
    .option('--memory <MiB>', 'memory of each machine (e.g. 512)', positiveInteger)
    .option(
      '--repeat <n>',
      'run each instance n times; one whose verdicts differ is flaky, and fails the run (e.g. 20)',
      positiveInteger,
    );
}

/** The matrix narrowed by what needs no image. @throws UnknownInstanceError, UsageError */
export function matrixInstances(scenarios: readonly Scenario[], options: InstanceOptions): Instance[] {
  const all = scenarios
    .filter((scenario) => isAskedFor(scenario, options))
    .flatMap((scenario) => scenario.instances())
    .filter(({ firmware }) => options.firmware?.includes(firmware) ?? true);
  return options.memory === undefined
    ? all
    : all.map((instance) => renamed({ ...instance, memoryMib: memoryOf(instance, options) }));
}

/** With forced bases only scenarios that are about any base, unless another is named. */
function isAskedFor({ name, sweeps }: Scenario, { scenario: names, base }: InstanceOptions): boolean {
  return names?.includes(name) ?? (base === undefined || sweeps === true);
}

/** Memory that a scenario has chosen is its condition. */
function memoryOf({ memoryMib }: Instance, { memory }: InstanceOptions): number {
  return memoryMib === DEFAULT_MEMORY_MIB ? (memory ?? memoryMib) : memoryMib;
}

/** Whose images must be had before it is decided what to run. @throws UnknownInstanceError */
export function neededSubjects(
  scenarios: readonly Scenario[],
  globs: readonly string[],
  options: InstanceOptions,
): ReadonlySet<SubjectName> {
  const matrix = matrixInstances(scenarios, options);
  // Forced bases are in no name yet that a glob could match.
  const instances = options.base === undefined ? selectInstances(matrix, globs) : matrix;
  return new Set(instances.map(({ subject }) => subject));
}

/**
 * What to run, in order. Forced bases are checked against the image and the machine here, before anything boots.
 * @throws UnknownInstanceError, UsageError
 */
export function chosenInstances(
  scenarios: readonly Scenario[],
  globs: readonly string[],
  options: InstanceOptions,
  subjects: Subjects,
): Instance[] {
  const matrix = matrixInstances(scenarios, options);
  const { base: bases } = options;
  const instances = bases === undefined ? matrix : withBases(matrix, bases, subjects);
  const selected = selectInstances(instances, globs);
  return options.repeat === undefined
    ? selected
    : selected.flatMap((instance) =>
        Array.from({ length: options.repeat ?? 1 }, (_, i) => renamed({ ...instance, repeat: i + 1 })),
      );
}

/** One plain instance per scenario, firmware and base: the matrix's own first of each firmware gives the other axes. */
function withBases(
  matrix: readonly Instance[],
  bases: readonly (number | 'all')[],
  subjects: Subjects,
): Instance[] {
  const models = new Map<string, Instance>();
  // A protocol that knows no relocation has no base to force.
  for (const instance of matrix.filter(({ base }) => base.kind !== 'none')) {
    const key = `${instance.scenario} ${instance.firmware}`;
    if (!models.has(key)) models.set(key, instance);
  }
  return [...models.values()].flatMap((model) => {
    const image = imageOf(model, subjects);
    const addresses = bases.flatMap((base) =>
      base === 'all' ? everyBase(model, image) : [checkedBase(base, model, image)],
    );
    // A base given twice would be two instances of one name, in one folder.
    return [...new Set(addresses)].map((address) => renamed({ ...model, base: { kind: 'at', address } }));
  });
}

function imageOf({ subject }: Instance, subjects: Subjects): BootImage {
  const found = subjects.get(subject);
  if (!found) throw new Error(`no subject ${subject} was made`);
  return found.image;
}

function checkedBase(base: number, model: Instance, { header, loaded }: BootImage): number {
  const memory = { lowRamSizeBytes: lowRamSizeBytes(model.machine, model.memoryMib) };
  const problem = checkForcedBase({ base, header, loaded, memory });
  if (problem) throw new UsageError(problem.message);
  return base;
}

/** Every multiple of the tag's alignment that the window and the machine's low memory leave. */
function everyBase(model: Instance, { header, loaded }: BootImage): number[] {
  const tag = relocatableTag(header);
  if (!tag)
    throw new UsageError('--base all: the image has no relocatable header tag, so it has one base only');
  const alignment = Math.max(tag.align, 2 * MIB);
  const last = Math.min(tag.maxAddr, lowRamSizeBytes(model.machine, model.memoryMib)) - loaded.loadSize;
  const bases: number[] = [];
  const first = alignUp(tag.minAddr, alignment);
  for (let base = first; base <= last; base += alignment) bases.push(base);
  if (bases.length === 0)
    throw new UsageError(
      `--base all: no multiple of ${hex(alignment, 1)} from ${hex(first)} on leaves room for the image ` +
        `(${hex(loaded.loadSize, 1)} bytes) in ${model.memoryMib} MiB; give more with --memory`,
    );
  return bases;
}

function renamed(instance: Instance): Instance {
  return { ...instance, name: instanceName(instance) };
}
