/** One planned instance from its payload to its result. A broken host becomes the verdict `error`, never an exception. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hex } from '../bits/hex.ts';
import { isAligned } from '../bits/align.ts';
import { BootSession, type BootRecord } from '../boot/boot-session.ts';
import { examine, type PostMortem } from '../boot/post-mortem.ts';
import { packPayload, type Payload } from '../image/payload.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { forcedWindow, relocatableTag, withRelocatableTag } from '../multiboot2/relocatable-tag.ts';
import { instanceFolder } from '../workdir/run-folder.ts';
import { observeConsole } from '../xen/console.ts';
import { holds, type Observation } from '../xen/guest-view.ts';
import type { Artifacts } from './artifacts.ts';
import type { InstanceResult, Verdict } from './contract.ts';
import { expectationText, predictedRefusal } from './expectation.ts';
import { judge, type Judgement } from './judge.ts';
import type { PlannedInstance } from './plan.ts';
import { symboliser } from './symboliser.ts';
import { loadBaseOf, subjectAt, xenDriver, type XenFacts } from './xen-driver.ts';

export type ReadyInstance = Extract<PlannedInstance, { kind: 'ready' }>;

export interface InstanceRun {
  readonly planned: ReadyInstance;
  readonly artifacts: Artifacts;
  /** The subject's command line. */
  readonly arguments: string;
  readonly runDirectory: string;
  readonly timeoutMs: number;
  /** One command that repeats this instance alone. */
  readonly repeat: string;
  readonly signal: AbortSignal;
  readonly onPhase: (phase: string) => void;
}

/** Looking at a machine that failed has time of its own, so that evidence does not depend on what the boot left over. */
const POST_MORTEM_MS = 10_000;
const CONSOLE_LINES = 20;

export async function runInstance(run: InstanceRun): Promise<InstanceResult> {
  const started = performance.now();
  const common = commonFields(run);
  try {
    const directory = await instanceFolder(run.runDirectory, run.planned.instance.name);
    return { ...common, ...(await boot(run, directory)), durationMs: performance.now() - started };
  } catch (error) {
    return {
      ...common,
      verdict: 'error',
      reason: error instanceof Error ? error.message : String(error),
      loadBaseAddress: null,
      checkpoints: [],
      notPossible: [],
      evidence: {},
      durationMs: performance.now() - started,
    };
  }
}

/** The result of an instance that is not run. */
export function skippedResult(
  planned: Extract<PlannedInstance, { kind: 'skip' }>,
  repeat: string,
): InstanceResult {
  const { instance, reason } = planned;
  return {
    name: instance.name,
    scenario: instance.scenario,
    firmware: instance.firmware,
    base: null,
    expected: 'not run',
    verdict: 'skip',
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

function commonFields({ planned, repeat }: InstanceRun) {
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

type Outcome = Pick<
  InstanceResult,
  'verdict' | 'reason' | 'loadBaseAddress' | 'checkpoints' | 'notPossible' | 'evidence' | 'excerpt'
>;

async function boot(run: InstanceRun, directory: string): Promise<Outcome> {
  const facts = xenFacts(run);
  const driver = xenDriver(facts, run.artifacts.disassembler);
  const payload = join(directory, 'payload.tar');
  await writeFile(payload, await packPayload(payloadOf(run)));
  await using session = await BootSession.launch({
    qemu: run.artifacts.qemu.path,
    spec: { ...run.planned.spec, payload },
    directory,
    deadline: Deadline.in(run.timeoutMs),
    driver,
    onPhase: run.onPhase,
  });
  const stop = () => void session.machine.process.terminate({ graceMs: 0 });
  run.signal.addEventListener('abort', stop, { once: true });
  if (run.signal.aborted) stop();
  try {
    const record = await session.run();
    const judgement = judge(judgedRecord(run, facts, record));
    const mortem = isWorthALook(judgement.verdict)
      ? await postMortem(run, session, directory, facts, record)
      : undefined;
    // It can be packed again from the subject; 33 passed instances would leave 90 MB of it.
    if (judgement.verdict === 'pass') await rm(payload, { force: true });
    return outcome(run, facts, record, judgement, driver.plan.notPossible, mortem, session);
  } finally {
    run.signal.removeEventListener('abort', stop);
  }
}

function isWorthALook(verdict: Verdict): boolean {
  return verdict !== 'pass' && verdict !== 'skip';
}

/** The parts of an instance's run that decide what is booted. */
export type BootChoice = Pick<InstanceRun, 'planned' | 'artifacts' | 'arguments'>;

export function xenFacts({ planned, artifacts, arguments: commandLine }: BootChoice): XenFacts {
  const { instance } = planned;
  return {
    image: artifacts.subject.image,
    symbols: artifacts.subject.symbols,
    firmware: instance.firmware,
    protocol: instance.protocol,
    relocatingLoader: instance.grubVariant === 'standard' && instance.protocol === 'multiboot2',
    loaderName: planned.loaderName,
    arguments: commandLine,
    moduleCount: 0,
  };
}

export function payloadOf({ planned, artifacts, arguments: commandLine }: BootChoice): Payload {
  const { instance, base } = planned;
  const { image } = artifacts.subject;
  const tag = relocatableTag(image.header);
  const kernel =
    base === undefined || !tag
      ? image.bytes
      : withRelocatableTag(image.bytes, forcedWindow(base, image.loaded.loadSize, tag.align));
  return {
    choice: {
      choice: instance.name.slice(0, 62),
      mode: 'boot',
      protocol: instance.protocol,
      arguments: commandLine,
    } as const,
    kernel,
  };
}

function judgedRecord(run: InstanceRun, facts: XenFacts, record: BootRecord) {
  const { instance, base, expectation } = run.planned;
  const loadBase =
    record.end.kind === 'refused' || !record.loader ? undefined : loadBaseOf(record.loader, facts);
  const reachedConsole = record.end.kind === 'subject' && record.end.meaning === 'expected';
  return {
    record,
    expectation,
    loadBase,
    console:
      reachedConsole && loadBase !== undefined
        ? observeConsole(record.subjectLines, subjectAt(facts, loadBase))
        : [],
    placement: base === undefined && loadBase !== undefined ? placement(run, record, loadBase) : [],
    refusalNow:
      base === undefined || !record.loader?.memoryMap
        ? undefined
        : predictedRefusal(instance.firmware, base, facts.image, record.loader.memoryMap),
  };
}

/** A base of GRUB's own choice: in the window, aligned, in memory that is GRUB's to give (HISTORY, invariant 1). */
function placement({ planned, artifacts }: InstanceRun, record: BootRecord, loadBase: number): Observation[] {
  const { image } = artifacts.subject;
  const tag = relocatableTag(image.header);
  if (!tag || planned.instance.protocol === 'multiboot1') return [];
  const end = loadBase + image.loaded.loadSize;
  const inWindow = loadBase >= tag.minAddr && end - 1 <= tag.maxAddr;
  const kept = record.loader?.memoryMap?.find(
    ({ start, end: regionEnd, use }) =>
      start < end && regionEnd > loadBase && use !== 'free' && use !== 'loader',
  );
  return [
    holds(
      inWindow,
      'the base GRUB chose lies in the image’s window',
      `${hex(loadBase)} lies outside the image's window ${hex(tag.minAddr)}–${hex(tag.maxAddr)}`,
    ),
    holds(
      isAligned(loadBase, tag.align),
      `is a multiple of ${hex(tag.align, 1)}`,
      `${hex(loadBase)} is no multiple of ${hex(tag.align, 1)}`,
    ),
    holds(
      kept === undefined,
      'and is in free memory',
      `the image covers ${hex(kept?.start ?? 0)} (${kept?.label ?? ''}), which the firmware keeps`,
    ),
  ];
}

async function postMortem(
  run: InstanceRun,
  session: BootSession,
  directory: string,
  facts: XenFacts,
  record: BootRecord,
): Promise<PostMortem> {
  return examine(session, {
    directory,
    deadline: Deadline.in(POST_MORTEM_MS),
    disassembler: run.artifacts.disassembler,
    symbolise: symboliser(facts, record.loader && loadBaseOf(record.loader, facts)),
  });
}

function outcome(
  run: InstanceRun,
  facts: XenFacts,
  record: BootRecord,
  judgement: Judgement,
  notPossible: readonly string[],
  mortem: PostMortem | undefined,
  session: BootSession,
): Outcome {
  const loaded = record.end.kind !== 'refused' && record.loader?.loadBase !== undefined;
  const files = {
    serial: 'serial.log',
    rawSerial: 'serial.raw',
    qmp: 'qmp.log',
    stderr: 'qemu.stderr',
    argv: 'argv.json',
    ...mortem?.files,
  };
  const { name } = run.planned.instance;
  return {
    ...judgement,
    loadBaseAddress: loaded ? hex(loadBaseOf(record.loader, facts)) : null,
    notPossible,
    evidence: Object.fromEntries(Object.entries(files).map(([kind, file]) => [kind, `${name}/${file}`])),
    ...(mortem ? { excerpt: [...session.console.lastLines(CONSOLE_LINES), '', ...mortem.code] } : {}),
  };
}
