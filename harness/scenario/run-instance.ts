/** One planned instance from its payload to its result. A broken host becomes the verdict `error`, never an exception. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hex } from '../bits/hex.ts';
import { WrongPayloadError } from '../boot/wrong-payload-error.ts';
import type { BootRecord } from '../boot/boot-record.ts';
import { BootSession } from '../boot/boot-session.ts';
import { inquire } from '../boot/death-evidence.ts';
import type { FrozenMachine } from '../boot/frozen-machine.ts';
import { examine, type PostMortem } from '../boot/post-mortem.ts';
import type { Forks } from './forks.ts';
import { writePayloadDrive } from '../image/payload-drive.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { Laps } from '../lifetime/laps.ts';
import { QemuStartError } from '../qemu/launch.ts';
import { MachineStateError, MigrationFailedError, NoRoomForRamError } from '../qemu/machine-state.ts';
import { writeFilePlain } from '../workdir/atomic-file.ts';
import { instanceFolder } from '../workdir/run-folder.ts';
import { consoleVersion } from '../xen/console.ts';
import type { Artifacts } from './artifacts.ts';
import { observePlacement } from './chosen-base.ts';
import { consoleExcerpt } from './console-excerpt.ts';
import type { InstanceResult } from './contract.ts';
import { deathRecord } from './death-record.ts';
import { predictedRefusal } from './expectation.ts';
import { commonFields, evidenceOf, failedOutcome, removeEvidence, type Outcome } from './instance-result.ts';
import type { VersionedDefect } from './known-defect.ts';
import { judge, type JudgedRecord } from './judge.ts';
import { layoutFailed, withWriter } from './damage-search.ts';
import { withEnd } from './end-inspection.ts';
import { loadBaseOf, type InstanceDriver } from './instance-driver.ts';
import { driverOf, payloadOf, subjectFacts } from './instance-pieces.ts';
import type { ReadyInstance } from './plan.ts';
import { makeStale } from './stale-memory.ts';
import { symboliser } from './symboliser.ts';
import { trampolineOf } from './trampoline-copy.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';
import { areWordsJudged, sessionDriver, type Witnesses } from './witnesses.ts';

export interface InstanceRun {
  readonly planned: ReadyInstance;
  readonly artifacts: Artifacts;
  readonly runDirectory: string;
  /** Absent: every machine begins at its reset vector. */
  readonly forks?: Forks | undefined;
  readonly timeoutMs: number;
  /** One command that repeats this instance alone. */
  readonly repeat: string;
  readonly signal: AbortSignal;
  /** Default: all. */
  readonly witnesses?: Witnesses;
  readonly onPhase: (phase: string) => void;
}

/** Looking at a machine that failed has time of its own, so that evidence does not depend on what the boot left over. */
const POST_MORTEM_MS = 10_000;
const CONSOLE_LINES = 20;
/** A firmware's memory map may stand among the last ones; OVMF's has about a hundred lines. */
const MAP_LINES = 400;

export async function runInstance(run: InstanceRun): Promise<InstanceResult> {
  const laps = new Laps('prepare');
  const started = performance.now();
  const common = commonFields(run.planned, run.repeat);
  const began: { start?: 'cold' | 'fork' } = {};
  const outcome = await boot({ ...run, laps, began }).catch((error: unknown) =>
    failedOutcome(error, run.planned.spec.accelerator),
  );
  const evidence = await evidenceOf(run.runDirectory, run.planned.instance.name);
  return {
    ...common,
    ...began,
    ...outcome,
    evidence,
    durationMs: performance.now() - started,
    partsMs: rounded(laps.totals()),
  };
}

function rounded(parts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(parts).map(([part, ms]) => [part, Math.round(ms * 10) / 10]));
}

/** `began.start` is known as soon as a machine is launched, however that ends. */
type TimedRun = InstanceRun & { readonly laps: Laps; readonly began: { start?: 'cold' | 'fork' } };

/** As a fork where there is a frozen machine that it goes on from, else cold. */
async function boot(run: TimedRun): Promise<Outcome> {
  const { forks, planned, signal, witnesses = 'all' } = run;
  // A fork's memory is shared, always.
  const from = witnesses === 'all' ? await forks?.find(planned) : undefined;
  try {
    return await bootFrom(run, from);
  } catch (error) {
    if (!forks || !from || signal.aborted) throw error;
    if (error instanceof NoRoomForRamError) {
      forks.tellHostFault(error);
      return bootFrom(run, undefined);
    }
    if (!isFrozenMachinesFault(error)) throw error;
    await forks.giveBack(planned, from, error);
    return boot(run);
  }
}

/** What says nothing about the instance; QEMU that was killed, or is silent, is the host's trouble. */
function isFrozenMachinesFault(error: unknown): error is Error {
  if (error instanceof QemuStartError) return error.exit.kind === 'exit';
  const kinds = [MachineStateError, MigrationFailedError, WrongPayloadError];
  return kinds.some((kind) => error instanceof kind);
}

async function bootFrom(run: TimedRun, from: FrozenMachine | undefined): Promise<Outcome> {
  const { witnesses = 'all' } = run;
  const directory = await instanceFolder(run.runDirectory, run.planned.instance.name);
  await removeEvidence(directory);
  const facts = subjectFacts(run.planned);
  const driver = driverOf(run.planned, run.artifacts.disassembler, facts);
  using layout = driver.layout;
  const payload = payloadOf(run.planned, facts, randomBytes(3).toString('hex'));
  const drive = join(directory, 'payload.tar');
  await writePayloadDrive(drive, payload);
  run.began.start = from ? 'fork' : 'cold';
  await using session = await BootSession.launch({
    qemu: run.artifacts.qemu.path,
    spec: { ...run.planned.spec, payload: drive },
    directory,
    deadline: Deadline.in(run.timeoutMs),
    from,
    laps: run.laps,
    choice: payload.choice.choice,
    driver: sessionDriver(driver, witnesses),
    ...(witnesses === 'all' ? {} : { sharedRam: false }),
    onPhase: run.onPhase,
    signal: run.signal,
  });
  await makeStale(session.machine.ram, run.planned, from?.state.ram.extents);
  const record = await withWriter(
    run,
    facts,
    { payload: drive, directory, session, from },
    layout,
    await withEnd(session, driver, await session.run()),
  );
  if (layout.record)
    await writeFilePlain(join(directory, 'layout.json'), `${JSON.stringify(layout.record)}\n`);
  const outcome = await judged(run, { session, driver, facts, record, directory });
  // It can be packed again from the subject; thousands of passed instances would leave gigabytes of it.
  if (outcome.verdict === 'pass') await rm(drive, { force: true });
  return outcome;
}

interface EndedBoot {
  readonly session: BootSession;
  readonly driver: InstanceDriver;
  readonly facts: SubjectFacts;
  readonly record: BootRecord;
  readonly directory: string;
}

async function judged(run: InstanceRun, boot: EndedBoot): Promise<Outcome> {
  const { session, driver, facts, record, directory } = boot;
  const given = judgedRecord(run, driver, facts, record);
  const passed = judge(given).verdict === 'pass';
  const death = passed ? undefined : await inquireInto(session, directory, facts, record);
  const mortem = passed ? undefined : await postMortem(run, session, directory, facts, record);
  const isLoaded = record.end.kind !== 'refused' && record.loader?.loadBase !== undefined;
  return {
    ...judge({ ...given, death }),
    loadBaseAddress: isLoaded ? hex(loadBaseOf(record.loader, facts)) : null,
    // What was refused has no entry that anything could come after.
    notPossible: record.end.kind === 'refused' ? [] : [...driver.notPossible, ...driver.layout.notPossible],
    ...(death ? { death: deathRecord(death) } : {}),
    ...(mortem
      ? {
          excerpt: [
            ...[...consoleExcerpt(session.console.lastLines(MAP_LINES), CONSOLE_LINES), '', ...mortem.code],
            ...(layoutFailed(record) ? ['', ...driver.layout.draw()] : []),
          ],
        }
      : {}),
  };
}

function judgedRecord(
  { planned, witnesses = 'all' }: InstanceRun,
  driver: InstanceDriver,
  facts: SubjectFacts,
  record: BootRecord,
): JudgedRecord {
  const { instance, base, expectation } = planned;
  const { loader, end } = record;
  const loaded = end.kind === 'refused' ? undefined : loader;
  const reachedEnd = end.kind === 'subject' && end.meaning === 'expected';
  const { own } = driver;
  const isAsked = areWordsJudged(witnesses) && (reachedEnd || (own.always && record.checkpoints.length > 0));
  return {
    record,
    expectation,
    loadBase: loaded && loadBaseOf(loaded, facts),
    own: {
      name: own.name,
      observations: isAsked && loaded ? own.observe(record.subjectLines, loaded) : [],
    },
    placement: observePlacement(planned, record),
    known: versioned(planned, record),
    loaderSays: instance.protocol !== 'kfreebsd',
    refusalNow:
      base === undefined || !loader?.memoryMap
        ? undefined
        : predictedRefusal(instance.firmware, base, facts.image, loader.memoryMap),
  };
}

/** The version is what this boot itself says it is. */
function versioned({ given, loaderName }: ReadyInstance, record: BootRecord): VersionedDefect | undefined {
  const { knownDefect } = given;
  if (!knownDefect) return undefined;
  const version = knownDefect.of === 'GRUB' ? loaderName : consoleVersion(record.subjectLines);
  return { ...knownDefect, version };
}

/** Before anything connects to the gdbstub, which stops the machine. */
async function inquireInto(session: BootSession, directory: string, facts: SubjectFacts, record: BootRecord) {
  const deadline = Deadline.in(POST_MORTEM_MS);
  const loadBase = record.loader && loadBaseOf(record.loader, facts);
  const trampoline = await trampolineOf(session, facts, loadBase, deadline);
  const symbolise = symboliser(facts, loadBase, trampoline);
  return inquire({ session, record, directory, deadline, symbolise });
}

async function postMortem(
  run: InstanceRun,
  session: BootSession,
  directory: string,
  facts: SubjectFacts,
  record: BootRecord,
): Promise<PostMortem> {
  return examine(session, {
    directory,
    deadline: Deadline.in(POST_MORTEM_MS),
    disassembler: run.artifacts.disassembler,
    symbolise: symboliser(facts, record.loader && loadBaseOf(record.loader, facts)),
  });
}
