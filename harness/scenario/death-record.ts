/** A death as results.json holds it, and as a reason's first words. */
import { hex } from '../bits/hex.ts';
import { modeText } from '../boot/cpu-state.ts';
import { causeOfQemuExit, deathText, type Death, type DeathCause } from '../boot/death.ts';
import type { Accelerator } from '../qemu/machine-spec.ts';
import { DeadlineError } from '../lifetime/deadline.ts';
import { QmpClosedError, QmpNegotiationError, QmpProtocolError } from '../qmp/errors.ts';
import { RspClosedError, RspProtocolError } from '../rsp/errors.ts';
import { QemuStartError } from '../qemu/launch.ts';
import type { DeathRecord } from './contract.ts';

export function deathRecord(death: Death): DeathRecord {
  const { kind, lastLandmark, cpu, pc, place } = death;
  return {
    kind,
    text: deathText(death),
    lastLandmark: lastLandmark ?? null,
    mode: cpu ? modeText(cpu) : null,
    pc: pc === undefined ? null : hex(pc),
    place: place ?? null,
    registers: cpu?.registers ?? {},
  };
}

/** Silence, a closed connection or garbage on QEMU's side of a protocol. */
const QEMU_ERRORS = [
  ...[DeadlineError, QmpNegotiationError, QmpClosedError, QmpProtocolError],
  ...[RspClosedError, RspProtocolError],
];

/** A QEMU that could not be looked at. @returns undefined where it is not known to have been QEMU's failure. */
export function deathByError(error: unknown, accelerator: Accelerator): DeathRecord | undefined {
  const cause = causeOfError(error, accelerator);
  const nothing = { phase: 'firmware', cpu: undefined, pc: undefined, place: undefined } as const;
  return cause && deathRecord({ ...cause, ...nothing, lastLandmark: undefined });
}

function causeOfError(error: unknown, accelerator: Accelerator): DeathCause | undefined {
  if (error instanceof QemuStartError) return causeOfQemuExit(error.stderr, accelerator);
  if (QEMU_ERRORS.some((kind) => error instanceof kind))
    return { kind: 'qemu-error', text: (error as Error).message };
  return undefined;
}
