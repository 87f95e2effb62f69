/** How a machine that did not pass died: from what the witnesses say to one name. Pure. */
import { hex } from '../bits/hex.ts';
import type { Accelerator } from '../qemu/machine-spec.ts';
import type { Phase } from '../serial/landmark.ts';
import type { BootEnd } from './boot-end.ts';
import { saysTripleFault } from './cpu-log.ts';
import { modeText, type CpuState } from './cpu-state.ts';
import type { FirmwareException } from './firmware-exception.ts';
import type { MachineEnd } from './machine-end.ts';

export type DeathCause =
  | { readonly kind: 'triple-fault' }
  | { readonly kind: 'guest-reset' }
  /** Under KVM there is no log that tells. */
  | { readonly kind: 'reset-or-triple-fault' }
  | { readonly kind: 'guest-shutdown' }
  | { readonly kind: 'firmware-exception'; readonly exception: FirmwareException }
  | { readonly kind: 'early-error'; readonly text: string }
  | { readonly kind: 'panic'; readonly text: string }
  | { readonly kind: 'tight-loop' }
  | { readonly kind: 'halted' }
  | { readonly kind: 'console-flood'; readonly text: string }
  | { readonly kind: 'firmware-hang' }
  | { readonly kind: 'loader-error'; readonly text: string }
  | { readonly kind: 'loader-prompt' }
  | { readonly kind: 'loader-hang'; readonly text: string }
  | { readonly kind: 'qemu-error'; readonly text: string }
  | { readonly kind: 'accelerator-error'; readonly text: string }
  | { readonly kind: 'unknown-hang' };

export type DeathKind = DeathCause['kind'];

export interface DeathContext {
  /** The last landmark that was believed, and the phase it left the console in. */
  readonly lastLandmark: string | undefined;
  readonly phase: Phase;
  /** The CPU as it was found; undefined where QEMU is gone. */
  readonly cpu: CpuState | undefined;
  /** Where it happened, as a linear address: the CPU's PC, or that of the exception which the firmware tells of. */
  readonly pc: bigint | undefined;
  /** Whose memory that is, in words, or the symbol there. */
  readonly place: string | undefined;
}

export type Death = DeathCause & DeathContext;

export interface DeathEvidence {
  readonly end: BootEnd;
  readonly accelerator: Accelerator;
  /** QEMU's log of CPU resets; empty where there is none. */
  readonly cpuLog: string;
}

/** @returns undefined for an end that is no death: a survey's, or the subject's expected words. */
export function causeOfDeath({ end, accelerator, cpuLog }: DeathEvidence): DeathCause | undefined {
  switch (end.kind) {
    case 'survey':
      return undefined;
    case 'refused':
      return { kind: 'loader-error', text: end.errors.join('; ') || 'it gave no reason' };
    case 'loader':
      return end.state === 'prompt' ? { kind: 'loader-prompt' } : { kind: 'loader-error', text: end.detail };
    case 'subject':
      return end.meaning === 'expected' ? undefined : { kind: end.meaning, text: end.text };
    case 'machine':
      return causeOfMachineEnd(end.end, accelerator, cpuLog);
    case 'still':
      return causeOfStillness(end);
    case 'exception':
      return { kind: 'firmware-exception', exception: end.exception };
    case 'console':
      return { kind: end.state === 'flooded' ? 'console-flood' : 'qemu-error', text: end.detail };
    case 'timeout':
      return causeOfTimeout(end);
  }
}

function causeOfMachineEnd(end: MachineEnd, accelerator: Accelerator, cpuLog: string): DeathCause {
  switch (end.kind) {
    case 'reset':
      if (saysTripleFault(cpuLog)) return { kind: 'triple-fault' };
      // Without the log, or under KVM, its silence says nothing.
      return { kind: accelerator === 'tcg' && cpuLog !== '' ? 'guest-reset' : 'reset-or-triple-fault' };
    case 'shutdown':
      return { kind: 'guest-shutdown' };
    case 'paused':
      return { kind: 'panic', text: 'it rang pvpanic' };
    case 'internal-error':
      return { kind: accelerator === 'kvm' ? 'accelerator-error' : 'qemu-error', text: end.detail };
    case 'qemu-exit':
      return causeOfQemuExit(end.stderr, accelerator);
  }
}

/** QEMU's own last words tell its accelerator's failure from its own. */
export function causeOfQemuExit(stderr: string, accelerator: Accelerator): DeathCause {
  const text = stderr.trim() || 'it said nothing';
  const isAccelerator = accelerator === 'kvm' && /\bkvm\b|accelerator|msr/i.test(text);
  return { kind: isAccelerator ? 'accelerator-error' : 'qemu-error', text };
}

function causeOfStillness({ phase, stillness }: Extract<BootEnd, { kind: 'still' }>): DeathCause {
  const { kind } = stillness;
  if (phase !== 'subject')
    return {
      kind: 'loader-hang',
      text: kind === 'halted' ? 'hlt with interrupts off' : 'a loop of a few instructions',
    };
  return { kind: kind === 'halted' ? 'halted' : 'tight-loop' };
}

function causeOfTimeout({ phase, awaited }: Extract<BootEnd, { kind: 'timeout' }>): DeathCause {
  if (phase === 'firmware') return { kind: 'firmware-hang' };
  if (phase === 'loader')
    return { kind: 'loader-hang', text: `its time was up while it was waited for ${awaited}` };
  return { kind: 'unknown-hang' };
}

/** What it was, without where. */
export function causeText(cause: DeathCause): string {
  switch (cause.kind) {
    case 'triple-fault':
      return 'triple fault';
    case 'guest-reset':
      return 'the guest reset the machine';
    case 'reset-or-triple-fault':
      return 'reset or triple fault (the accelerator does not tell)';
    case 'guest-shutdown':
      return 'the guest switched the machine off';
    case 'firmware-exception':
      return exceptionText(cause.exception);
    case 'early-error':
    case 'panic':
      return `the subject said “${cause.text}”`;
    case 'tight-loop':
      return 'tight loop with interrupts off';
    case 'halted':
      return 'hlt with interrupts off';
    case 'console-flood':
      return cause.text;
    case 'firmware-hang':
      return 'firmware hang: the loader did not start in time';
    case 'loader-error':
      return `loader error: ${cause.text}`;
    case 'loader-prompt':
      return 'GRUB is at its prompt';
    case 'loader-hang':
      return `loader hang: ${cause.text}`;
    case 'qemu-error':
      return `QEMU failed: ${cause.text}`;
    case 'accelerator-error':
      return `the accelerator failed: ${cause.text}`;
    case 'unknown-hang':
      return 'hang of unknown cause';
  }
}

function exceptionText({ vector, description, image }: FirmwareException): string {
  const whose = image ? `, in ${image.name}` : ', in no firmware image';
  return `firmware exception 0x${vector.toString(16).padStart(2, '0')} (${description})${whose}`;
}

/** What it was and where the CPU stood, in one line. */
export function deathText(death: Death): string {
  const { cpu, pc, place } = death;
  const isHosts = death.kind === 'qemu-error' || death.kind === 'accelerator-error';
  const where =
    pc === undefined || isHosts ? '' : ` at ${hex(pc)}${place === undefined ? '' : ` (${place})`}`;
  return `${causeText(death)}${where}${cpu && !isHosts ? `, ${modeText(cpu)}` : ''}`;
}
