/** What `loadbase replay` does once its options are read. */
import { readFile } from 'node:fs/promises';
import { WatchedCode } from '../check/sanitized-trace.ts';
import type { Divergence } from '../replay/divergence.ts';
import { divergenceText } from '../replay/divergence-text.ts';
import { Replay, type ReplayEnd } from '../replay/replay.ts';
import { TraceImageError } from '../replay/trace-image.ts';
import { escapeForTerminal } from '../report/escape.ts';
import { TraceError } from '../trace/trace-errors.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { EXIT } from './exit-codes.ts';
import { imageForTrace, type FoundImage } from './image-for-trace.ts';
import { judge, type Judgement, judgementJson, judgementLines, sanitizedTrace } from './judged-trace.ts';
import { divergenceJson } from './replay-json.ts';
import type { ReplayCommandOptions } from './run-options.ts';
import { replayProgress, type ReplayProgress } from './replay-progress.ts';
import { placeNames } from './place-names.ts';
import { complain, standardOutput } from './surroundings.ts';

/** There is no such file, or it cannot be read. */
class TraceFileError extends Error {
  override readonly name = 'TraceFileError';
}

type Outcome =
  | { readonly kind: 'agrees'; readonly end: ReplayEnd }
  | {
      readonly kind: 'diverges';
      readonly end: ReplayEnd;
      readonly divergence: Divergence;
      readonly lines: readonly string[];
    }
  /** What could be compared agrees, but the file is damaged, or of another image. */
  | { readonly kind: 'unusable'; readonly steps: number; readonly guestSteps: number; readonly error: Error };

interface Replayed {
  readonly file: string;
  readonly trace: TraceReader | undefined;
  readonly outcome: Outcome;
  /** Of what was replayed to its end, or to a divergence, under the rules. */
  readonly judgement: Judgement | undefined;
  readonly durationMs: number;
}

/** Shared by all traces. */
interface Model {
  readonly store: CodeStore;
  /** The same store; absent: the rules are not asked. */
  readonly watched?: WatchedCode;
}

async function modelFor({ sanitize }: ReplayCommandOptions): Promise<Model> {
  const disassembler = await loadDisassembler();
  if (!sanitize) return { store: new CodeStore(disassembler) };
  const watched = new WatchedCode(disassembler);
  return { store: watched.store, watched };
}

export async function replayFiles(files: readonly string[], options: ReplayCommandOptions): Promise<number> {
  const model = await modelFor(options);
  const replayed: Replayed[] = [];
  for (const file of files) {
    const one = await replayFile(file, options, model);
    replayed.push(one);
    if (!options.json) tell(one);
  }
  if (options.json) standardOutput().write(`${JSON.stringify(asJson(replayed), undefined, 2)}\n`);
  const has = (kind: Outcome['kind']) => replayed.some(({ outcome }) => outcome.kind === kind);
  const hasFindings = replayed.some(({ judgement }) => judgement && judgement.findings.length > 0);
  return has('unusable') ? EXIT.usage : has('diverges') || hasFindings ? EXIT.failed : EXIT.ok;
}

async function replayFile(file: string, options: ReplayCommandOptions, model: Model): Promise<Replayed> {
  let trace: TraceReader | undefined;
  let replay: Replay | undefined;
  let progress: ReplayProgress | undefined;
  const started = performance.now();
  let durationMs: number | undefined;
  const done = (outcome: Outcome, judgement?: Judgement): Replayed => ({
    ...{ file, trace, outcome, judgement },
    durationMs: durationMs ?? performance.now() - started,
  });
  const { store, watched } = model;
  try {
    trace = new TraceReader(await read(file));
    const found = await imageForTrace(trace, options.image);
    const sanitized = watched && sanitizedTrace(trace, found, watched);
    replay = sanitized?.replay ?? new Replay(trace, found.bytes, store);
    progress = replayProgress(standardOutput(), trace.totals.steps);
    const end = replay.run({ onProgress: (steps) => progress?.show(steps) });
    progress.close();
    durationMs = performance.now() - started;
    const judgement = sanitized && (await judge(sanitized, end, trace, found, store.disassembler));
    if (!end.divergence) return done({ kind: 'agrees', end }, judgement);
    const lines = await divergenceLines(end.divergence, trace, found, store);
    return done({ kind: 'diverges', end, divergence: end.divergence, lines }, judgement);
  } catch (error) {
    progress?.close();
    if (!isOfTheFile(error)) throw error;
    return done({ kind: 'unusable', ...(replay?.progress ?? { steps: 0, guestSteps: 0 }), error });
  }
}

/** Others are not told of by it: they are replayed all the same. */
function isOfTheFile(error: unknown): error is Error {
  return error instanceof TraceError || error instanceof TraceImageError || error instanceof TraceFileError;
}

async function divergenceLines(
  divergence: Divergence,
  { header }: TraceReader,
  found: FoundImage,
  { disassembler }: CodeStore,
): Promise<string[]> {
  const places = [...divergence.before, divergence.at].map(({ linear }) => linear);
  return divergenceText(divergence, disassembler, await placeNames(header.subject, found, places));
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TraceFileError(
      `cannot read the trace ${file} (${code ?? String(error)}); give a file that \`loadbase capture\` wrote`,
    );
  }
}

function tell({ file, outcome, durationMs, judgement }: Replayed): void {
  const target = standardOutput();
  if (outcome.kind === 'unusable') {
    const steps = outcome.steps === 0 ? '' : ` (${counted(outcome)} before it agree)`;
    complain(escapeForTerminal(`${file}: ${outcome.error.message}${steps}`));
    return;
  }
  const rate = (outcome.end.steps / durationMs / 1000).toFixed(1);
  const took = `${(durationMs / 1000).toFixed(2)} s, ${rate} M steps/s`;
  if (outcome.kind === 'agrees')
    target.write(`✓ ${file}: ${counted(outcome.end)}, no divergence (${took})\n`);
  else {
    target.write(`✗ ${file}: diverges after ${counted(outcome.end)}\n`);
    for (const line of outcome.lines) target.write(`  ${escapeForTerminal(line)}\n`);
  }
  for (const line of judgement ? judgementLines(judgement, target) : []) target.write(`${line}\n`);
}

function counted({ steps, guestSteps }: Pick<ReplayEnd, 'steps' | 'guestSteps'>): string {
  const more = guestSteps === steps ? '' : ` (${guestSteps.toLocaleString('en')} with iterations)`;
  return `${steps.toLocaleString('en')} steps${more}`;
}

function asJson(replayed: readonly Replayed[]) {
  return {
    schema: 'loadbase.replay/1',
    traces: replayed.map(({ file, trace, outcome, durationMs, judgement }) => ({
      file,
      instance: trace?.header.instance ?? null,
      verdict: outcome.kind,
      steps: outcome.kind === 'unusable' ? outcome.steps : outcome.end.steps,
      guestSteps: outcome.kind === 'unusable' ? outcome.guestSteps : outcome.end.guestSteps,
      durationMs: Math.round(durationMs),
      error:
        outcome.kind === 'unusable' ? { name: outcome.error.name, message: outcome.error.message } : null,
      divergence:
        outcome.kind === 'diverges' ? { ...divergenceJson(outcome.divergence), text: outcome.lines } : null,
      findings: judgement ? judgementJson(judgement) : null,
    })),
  };
}
