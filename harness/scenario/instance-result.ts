/** The parts of an instance's result that do not depend on how it was judged. */
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hex } from '../bits/hex.ts';
import type { InstanceResult } from './contract.ts';
import type { Accelerator } from '../qemu/machine-spec.ts';
import { deathByError } from './death-record.ts';
import { expectationText } from './expectation.ts';
import type { PlannedInstance } from './plan.ts';

/** What the boot decides. */
export type Outcome = Pick<
  InstanceResult,
  'verdict' | 'reason' | 'note' | 'loadBaseAddress' | 'checkpoints' | 'notPossible' | 'excerpt' | 'death'
>;

export function commonFields(planned: Extract<PlannedInstance, { kind: 'ready' }>, repeat: string) {
  const { instance, base, expectation, spec } = planned;
  return {
    name: instance.name,
    scenario: instance.scenario,
    firmware: instance.firmware,
    base: base === undefined ? null : hex(base),
    expected: expectationText(expectation),
    accelerator: spec.accelerator,
    repeat,
  };
}

/** Host or harness broke: nothing was seen of the subject that could be judged. */
export function failedOutcome(error: unknown, accelerator: Accelerator): Outcome {
  const death = deathByError(error, accelerator);
  return {
    ...(death ? { death } : {}),
    verdict: 'error',
    reason: causeOf(error),
    loadBaseAddress: null,
    checkpoints: [],
    notPossible: [],
  };
}

/** `await using` wraps what went wrong first in a SuppressedError when the clean-up goes wrong, too. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { suppressed, error: later } = error as Error & { suppressed?: unknown; error?: unknown };
  if (error.name !== 'SuppressedError') return error.message;
  return `${causeOf(suppressed)}; then, cleaning up: ${causeOf(later)}`;
}

/** Kind of evidence → file in the instance's folder; each is kept as far as the machine got. */
const EVIDENCE_FILES = {
  serial: 'serial.log',
  rawSerial: 'serial.raw',
  qmp: 'qmp.log',
  stderr: 'qemu.stderr',
  argv: 'argv.json',
  screen: 'screen.png',
  registers: 'registers.txt',
  code: 'code.txt',
  cpuLog: 'qemu-cpu.log',
  layout: 'layout.json',
} as const;

/** Takes away what an earlier run into the same folder (`--out`) left: logs are appended to. */
export async function removeEvidence(directory: string): Promise<void> {
  for (const file of Object.values(EVIDENCE_FILES)) await rm(join(directory, file), { force: true });
}

/** What is there of an instance's evidence, relative to the run's folder: also where the harness broke in the middle. */
export async function evidenceOf(
  runDirectory: string,
  name: string,
): Promise<Readonly<Record<string, string>>> {
  const kept: Record<string, string> = {};
  for (const [kind, file] of Object.entries(EVIDENCE_FILES)) {
    const path = `${name}/${file}`;
    const isThere = await access(join(runDirectory, path)).then(
      () => true,
      () => false,
    );
    if (isThere) kept[kind] = path;
  }
  return kept;
}

/** The result of an instance that is not run: skipped, or its host broke before. */
export function unrunResult(
  planned: Exclude<PlannedInstance, { kind: 'ready' }>,
  repeat: string,
): InstanceResult {
  const { kind, instance, reason } = planned;
  return {
    name: instance.name,
    scenario: instance.scenario,
    firmware: instance.firmware,
    base: null,
    expected: 'not run',
    verdict: kind === 'skip' ? 'skip' : 'error',
    reason,
    durationMs: 0,
    loadBaseAddress: null,
    accelerator: 'none',
    checkpoints: [],
    notPossible: [],
    evidence: {},
    repeat,
  };
}
