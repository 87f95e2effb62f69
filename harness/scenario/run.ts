/** A whole run: every planned instance, several at once, results on disk as they come, events for the reporters. */
import pLimit from 'p-limit';
import type { Artifacts } from './artifacts.ts';
import type { HostRecord, Instance, InstanceResult, Results, RunListener } from './contract.ts';
import { Durations } from './durations.ts';
import { unrunResult } from './instance-result.ts';
import type { PlannedInstance, RunPlan } from './plan.ts';
import { ResultsFile, type ResultsHead } from './results-file.ts';
import { runInstance } from './run-instance.ts';

export interface ResumedRun {
  readonly head: ResultsHead;
  /** Of planned instances; they are told again as ended, at once, and are not run. */
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
  await runEach({ ...request, plan: whatIsLeft(request) }, file, durations);
  if (!signal.aborted) await file.finish();
  await durations.write();
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

function whatIsLeft({ plan, resumed }: RunRequest): RunPlan {
  const had = new Set(resumed?.earlier.map(({ name }) => name));
  return { ...plan, planned: plan.planned.filter(({ instance }) => !had.has(instance.name)) };
}

/** Where one result cannot be kept, the others need not be had either: all machines are ended, then it throws. */
async function runEach(request: RunRequest, file: ResultsFile, durations: Durations): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([request.signal, failure.signal]);
  const limit = pLimit(request.jobs);
  const one = async (planned: PlannedInstance): Promise<void> => {
    if (signal.aborted) return;
    const result = await runOne({ ...request, signal }, planned, durations);
    // An end of our own making says nothing about the instance.
    if (signal.aborted && result.verdict !== 'pass') return;
    durations.note(result.name, result.durationMs);
    await file.add(result);
    request.emit({ kind: 'instance-ended', instance: planned.instance, result });
  };
  const ends = await Promise.allSettled(
    byTypicalDuration(request.plan.planned, durations).map((planned) =>
      limit(() =>
        one(planned).catch((error: unknown) => {
          failure.abort();
          throw error;
        }),
      ),
    ),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
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
  const byName = new Map(plan.planned.map(({ instance }) => [instance.name, instance]));
  for (const result of resumed?.earlier ?? []) {
    const instance = byName.get(result.name);
    if (instance) emit({ kind: 'instance-ended', instance, result, isEarlier: true });
  }
}

/** The longest first, so that the last machine does not run alone; what is not known yet counts as long. */
function byTypicalDuration(planned: readonly PlannedInstance[], durations: Durations): PlannedInstance[] {
  const typical = ({ instance }: PlannedInstance) =>
    durations.typicalMs(instance.name) ?? (instance.firmware === 'efi' ? 5_000 : 1_000);
  return [...planned].sort((a, b) => typical(b) - typical(a));
}

async function runOne(
  request: RunRequest,
  planned: PlannedInstance,
  durations: Durations,
): Promise<InstanceResult> {
  const { instance } = planned;
  const { emit } = request;
  const repeat = request.repeatCommand(instance);
  if (planned.kind !== 'ready') return unrunResult(planned, repeat);
  const typicalMs = durations.typicalMs(instance.name);
  emit({ kind: 'instance-started', instance, ...(typicalMs === undefined ? {} : { typicalMs }) });
  return runInstance({
    planned,
    artifacts: request.artifacts,
    runDirectory: request.runDirectory,
    timeoutMs: request.timeoutMs,
    repeat,
    signal: request.signal,
    onPhase: (phase) => emit({ kind: 'instance-phase', instance, phase }),
  });
}
