/** What a planned instance boots: its payload, what is known of its subject, and the driver that watches it. */
import { MIB } from '../bits/align.ts';
import type { Payload } from '../image/payload.ts';
import type { RelocationWindow } from '../multiboot2/header-tags.ts';
import { relocatableTag, withRelocatableTag } from '../multiboot2/relocatable-tag.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { bios64BitDriver } from './bios-64bit-driver.ts';
import { withCircumstances } from './circumstances.ts';
import type { GrubVariant, SubjectName } from './contract.ts';
import type { InstanceDriver } from './instance-driver.ts';
import { kernelDriver } from './kernel-driver.ts';
import { probeDriver } from './probe-driver.ts';
import type { ReadyInstance } from './plan.ts';
import type { Subject } from './subject.ts';
import { xenDriver } from './xen-driver.ts';

/** GRUB echoes it in one line. */
const MAX_CHOICE_LENGTH = 62;

/** What layouts call a subject. */
function calledAs(name: SubjectName): string {
  if (name === 'xen') return 'Xen';
  return name === 'kernel' ? 'the kernel' : 'the probe';
}

/** What these loaders say in tag 21 instead of the truth: grub/kept-variants.ts makes them. */
function toldBase(variant: GrubVariant): Pick<SubjectFacts, 'toldBase'> {
  if (variant === 'tag-21-lies') return { toldBase: { offBytes: 2 * MIB } };
  return variant === 'tag-21-absent' ? { toldBase: { asType: 0x4c42 } } : {};
}

export function subjectFacts({ instance, subject, given, window, loaderName }: ReadyInstance): SubjectFacts {
  const { modules = [], expectedEnd } = given;
  return {
    called: calledAs(subject.name),
    image: { ...subject.image, bytes: handedOver(subject, window) },
    symbols: subject.symbols,
    firmware: instance.firmware,
    protocol: instance.protocol,
    relocatingLoader: instance.grubVariant !== 'no-relocation' && instance.protocol === 'multiboot2',
    ...toldBase(instance.grubVariant),
    loaderName,
    arguments: given.arguments,
    moduleCount: modules.length,
    modules: modules.map(({ bytes }) => bytes),
    ...(expectedEnd === undefined ? {} : { expectedEnd }),
  };
}

/** A driver serves one boot. */
export function driverOf(planned: ReadyInstance, disassembler: Disassembler): InstanceDriver {
  const facts = subjectFacts(planned);
  return withCircumstances(subjectDriver(planned, facts, disassembler), facts, planned.given);
}

function subjectDriver(
  { subject, given }: ReadyInstance,
  facts: SubjectFacts,
  disassembler: Disassembler,
): InstanceDriver {
  if (subject.name === 'xen') return xenDriver(facts, disassembler);
  if (subject.name === 'bios-64bit-entry') return bios64BitDriver(facts);
  return subject.name === 'kernel' ? kernelDriver(facts, given.expectedLine) : probeDriver(facts);
}

/** @param mark says which of several boots of an instance it is: GRUB reports it back. */
export function payloadOf({ instance, subject, given, window }: ReadyInstance, mark?: string): Payload {
  const name = mark === undefined ? instance.name : `${mark} ${instance.name}`;
  return {
    choice: {
      choice: name.slice(0, MAX_CHOICE_LENGTH),
      mode: 'boot',
      protocol: instance.protocol,
      arguments: given.arguments,
    },
    kernel: handedOver(subject, window),
    modules: given.modules ?? [],
  };
}

/** The image's bytes as the loader gets them; one that has lost its tag since it was planned goes as it is. */
function handedOver({ image }: Subject, window: RelocationWindow | undefined): Uint8Array {
  return window && relocatableTag(image.header) ? withRelocatableTag(image.bytes, window) : image.bytes;
}
