import type { Deadline } from '../lifetime/deadline.ts';
import { SerialCleaner } from './cleaner.ts';
import { FloodGauge, type FloodLimits } from './flood.ts';
import { SerialClosedError, SerialFloodError } from './errors.ts';
import { LandmarkWatch } from './landmark-watch.ts';
import type { Landmark, LandmarkMatch, Phase } from './landmark.ts';

/** Where evidence goes; an EvidenceWriter is one. */
export interface SerialSink {
  write(data: string | Uint8Array): void;
}

/** A cleaned line. */
export interface SerialLine {
  readonly text: string;
  /** The phase in which it was said: a line that enters a phase belongs to the one before. */
  readonly phase: Phase;
  /** Counts from 1. */
  readonly number: number;
}

export interface SerialConsoleOptions extends FloodLimits {
  readonly landmarks?: readonly Landmark[];
  /** Gets the bytes as they come, up to the flood. */
  readonly raw?: SerialSink;
  /** Gets the cleaned lines. */
  readonly clean?: SerialSink;
  /** Default 16 KiB characters. */
  readonly maxLineChars?: number;
  /** Beyond this the guest floods. Default 8 MiB. */
  readonly maxBytes?: number;
  /** Beyond this the guest floods, too: lines cost more than their bytes. Default 100,000. */
  readonly maxLines?: number;
  /** How long a line without an end must rest before it is looked at: a prompt, or last words. Default 200 ms. */
  readonly quietMs?: number;
}

/** `flooded`: more came than is kept, and it stays so; `closed`: the stream ended. */
export type SerialState = 'open' | 'flooded' | 'closed';

const MAX_BYTES = 8 * 1024 * 1024;
const MAX_LINES = 100_000;
const QUIET_MS = 200;

/** A guest's serial console: fed with bytes, it keeps them, cleans them and recognises landmarks. */
export class SerialConsole {
  readonly #options: SerialConsoleOptions;
  readonly #maxBytes: number;
  readonly #watch: LandmarkWatch;
  readonly #cleaner: SerialCleaner;
  readonly #lines: SerialLine[] = [];
  readonly #listeners = new Set<(line: SerialLine) => void>();
  #state: SerialState = 'open';
  /** The phase in which the current line began. */
  #linePhase: Phase = 'firmware';
  #receivedBytes = 0;
  #lastByteMs = performance.now();
  readonly #gauge: FloodGauge;
  /** Why it is a flood, once it is one. */
  #floodReason = '';
  #quiet: NodeJS.Timeout | undefined;

  /** @throws LandmarkNameError where two landmarks have one name. */
  constructor(options: SerialConsoleOptions = {}) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#watch = new LandmarkWatch(options.landmarks ?? []);
    this.#gauge = new FloodGauge(options);
    this.#cleaner = new SerialCleaner(
      options.maxLineChars === undefined ? {} : { maxLineChars: options.maxLineChars },
    );
  }

  get state(): SerialState {
    return this.#state;
  }

  get phase(): Phase {
    return this.#watch.phase;
  }

  /** All bytes that came, kept or not. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** How long nothing has come. */
  get silentForMs(): number {
    return performance.now() - this.#lastByteMs;
  }

  /** Landmarks in the order they were said: the first 1,000. */
  get matches(): readonly LandmarkMatch[] {
    return this.#watch.matches;
  }

  /** Landmarks said in a phase they do not belong to (the firmware's banner after a reset): the first 1,000. */
  get outOfPhase(): readonly LandmarkMatch[] {
    return this.#watch.outOfPhase;
  }

  get lastLandmark(): LandmarkMatch | undefined {
    return this.#watch.matches.at(-1);
  }

  /** The cleaned lines, the unfinished one last; of one phase, or of all. */
  lines(phase?: Phase): string[] {
    return this.#allLines()
      .filter((line) => phase === undefined || line.phase === phase)
      .map((line) => line.text);
  }

  /** The last `count` lines that are not blank. */
  lastLines(count: number): string[] {
    const last: string[] = [];
    const lines = this.#allLines();
    for (let at = lines.length - 1; at >= 0 && last.length < count; at--) {
      const { text } = lines[at]!;
      if (text.trim() !== '') last.unshift(text);
    }
    return last;
  }

  /** The cleaned lines joined with `\n`, for patterns over several lines; of one phase, or of all. */
  text(phase?: Phase): string {
    return this.lines(phase).join('\n');
  }

  /** @returns how to stop listening. */
  onLine(listener: (line: SerialLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes bytes from the guest, cut anywhere; after the close they are only counted. */
  feed(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    this.#lastByteMs = performance.now();
    if (this.#state !== 'open') return;
    const room = this.#maxBytes - (this.#receivedBytes - chunk.length);
    const kept = chunk.subarray(0, room);
    this.#options.raw?.write(kept);
    const tooFast = this.#gauge.bytes(chunk.length, this.#lastByteMs);
    for (const line of this.#cleaner.feed(kept)) {
      this.#addLine(line);
      const maxLines = this.#options.maxLines ?? MAX_LINES;
      const tooMany = this.#lines.length >= maxLines ? `${maxLines} lines` : undefined;
      const flood = tooMany ?? this.#gauge.line(line);
      if (flood !== undefined) return this.#flood(flood);
    }
    if (kept.length < chunk.length) return this.#flood(`${this.#maxBytes} bytes`);
    if (tooFast !== undefined) return this.#flood(tooFast);
    this.#awaitQuiet();
  }

  /** The stream has ended: the unfinished line counts as a line, and nobody waits any longer. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#end('closed');
  }

  /**
   * The first of `names` that was said, in the phase it belongs to: already, or now. An unfinished line counts when
   * the guest has been quiet for a moment, so that its text is not cut short.
   * @throws DeadlineError with the last line seen; SerialClosedError; SerialFloodError; LandmarkNameError.
   */
  async waitFor(names: readonly string[], deadline: Deadline): Promise<LandmarkMatch> {
    return this.#watch.wait(names, deadline, {
      ended: (awaited) => (this.#state === 'open' ? undefined : this.#ended(awaited)),
      lastSeen: () => this.lastLines(1)[0],
    });
  }

  #allLines(): readonly SerialLine[] {
    const text = this.#cleaner.unfinished;
    return text === '' ? this.#lines : [...this.#lines, this.#lineNow(text)];
  }

  #lineNow(text: string): SerialLine {
    return { text, phase: this.#linePhase, number: this.#lines.length + 1 };
  }

  #addLine(text: string): void {
    const line = this.#lineNow(text);
    this.#watch.look(text, line.number, true);
    this.#linePhase = this.#watch.phase;
    this.#lines.push(line);
    this.#options.clean?.write(`${text}\n`);
    for (const listener of [...this.#listeners]) listener(line);
  }

  #awaitQuiet(): void {
    clearTimeout(this.#quiet);
    if (this.#cleaner.unfinished === '') return;
    this.#quiet = setTimeout(() => {
      this.#watch.look(this.#cleaner.unfinished, this.#lines.length + 1, false);
    }, this.#options.quietMs ?? QUIET_MS);
    this.#quiet.unref();
  }

  #flood(reason: string): void {
    this.#floodReason = reason;
    this.#end('flooded');
    this.#options.clean?.write(`[loadbase: the guest floods (${reason}); nothing more is kept]\n`);
  }

  #end(state: 'flooded' | 'closed'): void {
    clearTimeout(this.#quiet);
    for (const line of this.#cleaner.end()) this.#addLine(line);
    this.#state = state;
    this.#watch.end((awaited) => this.#ended(awaited));
  }

  #ended(awaited: string): Error {
    const last = this.lastLines(1)[0];
    return this.#state === 'flooded'
      ? new SerialFloodError(awaited, this.#floodReason, last)
      : new SerialClosedError(awaited, last);
  }
}
