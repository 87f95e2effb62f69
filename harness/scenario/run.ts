/** A whole run: every planned instance, several at once, results on disk as they come, events for the reporters. */
import type { Artifacts } from './artifacts.ts';
import type { HostRecord, Instance, InstanceResult, Results, RunListener } from './contract.ts';
import { Durations, type Timed } from './durations.ts';
import { RepeatGroups } from './flaky.ts';
import type { Forks } from './forks.ts';
import { nameWithoutRepeat } from './instance-name.ts';
import { unrunResult } from './instance-result.ts';
import { hostMemory, memoryBudgetMib } from './memory-budget.ts';
import type { PlannedInstance, ReadyInstance, RunPlan } from './plan.ts';
import { ResultsFile, type ResultsHead } from './results-file.ts';
import { runInstance } from './run-instance.ts';
import { runScheduled } from './run-scheduled.ts';
import type { ScheduledTask } from './schedule.ts';

export interface ResumedRun {
  readonly head: ResultsHead;
  /** Of planned instances (none is flaky: that is found anew); they are told again as ended, at once, and are not run. */
  readonly earlier: readonly InstanceResult[];
}

export interface RunRequest {
  readonly runId: string;
  readonly runDirectory: string;
  readonly cacheRoot: string;
  readonly host: HostRecord;
  readonly artifacts: Artifacts;
  readonly plan: RunPlan;
  /** Goes on with a run that was stopped: its head, and those of its results that count. */
  readonly resumed?: ResumedRun;
  readonly jobs: number;
  readonly timeoutMs: number;
  readonly repeatCommand: (instance: Instance) => string;
  readonly signal: AbortSignal;
  readonly emit: RunListener;
  /** Absent: every machine begins at its reset vector. */
  readonly forks?: Forks | undefined;
  /** What all machines together may be promised. Default: what the host can bear as the run begins. */
  readonly memoryMib?: number;
}

/**
 * No machine is left when this returns or throws.
 * @throws NoSpaceError, UnwritableFolderError where results cannot be written.
 */
export async function runAll(request: RunRequest): Promise<Results> {
  const { emit, signal, resumed } = request;
  const started = performance.now();
  const durations = await Durations.read(request.cacheRoot);
  await using file = new ResultsFile(
    request.runDirectory,
    resumed?.head ?? newHead(request),
    resumed?.earlier ?? [],
  );
  await file.start();
  announce(request);
  try {
    await runEach(request, await keeper(request, file), durations);
  } finally {
    await durations.write();
  }
  if (!signal.aborted) await file.finish();
  emit({
    kind: 'run-ended',
    results: file.results,
    durationMs: performance.now() - started,
    interrupted: signal.aborted,
  });
  return file.results;
}

function newHead({ runId, host, artifacts, plan }: RunRequest): ResultsHead {
  const startedAt = new Date().toISOString();
  return { runId, startedAt, host, tools: artifacts.tools, planned: plan.planned.length };
}

function whatIsLeft({ plan, resumed }: RunRequest): PlannedInstance[] {
  const had = new Set(resumed?.earlier.map(({ name }) => name));
  return plan.planned.filter(({ instance }) => !had.has(instance.name));
}

type Keep = (instance: Instance, result: InstanceResult) => Promise<void>;

/** Tells what ended before the run was resumed. @returns what writes and tells each that ends now. */
async function keeper({ plan, resumed, emit }: RunRequest, file: ResultsFile): Promise<Keep> {
  const instances = plan.planned.map(({ instance }) => instance);
  const repeats = new RepeatGroups(instances);
  const tell = async (instance: Instance, result: InstanceResult, when: { isEarlier?: true }) => {
    emit({ kind: 'instance-ended', instance, result, ...when });
    const flaky = repeats.ended(result);
    if (!flaky) return;
    await file.add(flaky);
    emit({ kind: 'flake-found', result: flaky, ...when });
  };
  const byName = new Map(instances.map((instance) => [instance.name, instance]));
  for (const result of resumed?.earlier ?? []) {
    const instance = byName.get(result.name);
    if (instance) await tell(instance, result, { isEarlier: true });
  }
  return async (instance, result) => {
    await file.add(result);
    await tell(instance, result, {});
  };
}

/** Where one result cannot be kept, the others need not be had either: all machines are ended, then it throws. */
async function runEach(request: RunRequest, keep: Keep, durations: Durations): Promise<void> {
  const planned = whatIsLeft(request);
  for (const each of planned) {
    if (request.signal.aborted) return;
    if (each.kind !== 'ready')
      await keep(each.instance, unrunResult(each, request.repeatCommand(each.instance)));
  }
  const { forks } = request;
  const tasks = await Promise.all(
    planned
      .filter((each) => each.kind === 'ready')
      .map(async (each) => scheduled(each, await forks?.key(each), durations)),
  );
  const ofGroup = new Map(tasks.map(({ group, ready }) => [group, ready]));
  await runScheduled({
    tasks,
    limits: { jobs: request.jobs, memoryMib: await memoryMib(request, tasks) },
    signal: request.signal,
    prepare: async (group) => {
      const ready = ofGroup.get(group);
      if (ready) await forks?.find(ready);
    },
    run: async ({ ready, typicalMs }, signal) => {
      const result = await runOne({ ...request, signal }, ready, typicalMs);
      // An end of our own making says nothing about the instance.
      if (signal.aborted && result.verdict !== 'pass') return;
      // What hangs would else be taken to be long by nature the next time.
      if (result.verdict === 'pass') durations.note(timed(ready, result.start), result.durationMs);
      await keep(ready.instance, result);
    },
  });
}

interface ScheduledInstance extends ScheduledTask {
  readonly ready: ReadyInstance;
}

/** Longer than most, so that what is not known yet starts early: a cold boot. */
const ASSUMED_MS = { cold: { bios: 1_000, efi: 5_000 }, fork: { bios: 500, efi: 700 } } as const;

function scheduled(ready: ReadyInstance, group: string | undefined, durations: Durations): ScheduledInstance {
  const start = group === undefined ? 'cold' : 'fork';
  const typicalMs = durations.typicalMs(timed(ready, start));
  return {
    ready,
    assumedMs: ASSUMED_MS[start][ready.instance.firmware],
    memoryMib: ready.instance.memoryMib,
    ...(typicalMs === undefined ? {} : { typicalMs }),
    ...(group === undefined ? {} : { group }),
  };
}

/** A cold boot says nothing about how long a fork takes. */
function timed({ instance, expectation }: ReadyInstance, start: 'cold' | 'fork' = 'cold'): Timed {
  const { kind } = expectation;
  return { name: nameWithoutRepeat(instance.name), outcome: start === 'cold' ? kind : `${kind}-of-a-fork` };
}

async function memoryMib(request: RunRequest, tasks: readonly ScheduledTask[]): Promise<number> {
  const greatestMib = tasks.reduce((greatest, { memoryMib }) => Math.max(greatest, memoryMib), 0);
  return request.memoryMib ?? memoryBudgetMib(await hostMemory(), greatestMib);
}

function announce({ runId, runDirectory, plan, jobs, artifacts, resumed, emit }: RunRequest): void {
  emit({
    kind: 'run-started',
    runId,
    outDirectory: runDirectory,
    instances: plan.planned.map(({ instance }) => instance),
    jobs,
    accelerators: Object.fromEntries(
      Object.entries(plan.accelerators).map(([key, { accelerator }]) => [key, accelerator]),
    ),
    tools: artifacts.tools,
    ...(resumed ? { earlier: resumed.earlier.length } : {}),
  });
}

async function runOne(
  request: RunRequest,
  planned: ReadyInstance,
  typicalMs: number | undefined,
): Promise<InstanceResult> {
  const { instance } = planned;
  const { emit } = request;
  emit({ kind: 'instance-started', instance, ...(typicalMs === undefined ? {} : { typicalMs }) });
  return runInstance({
    planned,
    artifacts: request.artifacts,
    runDirectory: request.runDirectory,
    forks: request.forks,
    timeoutMs: request.timeoutMs,
    repeat: request.repeatCommand(instance),
    signal: request.signal,
    onPhase: (phase) => emit({ kind: 'instance-phase', instance, phase }),
  });
}
