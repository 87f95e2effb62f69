/** A figure: something measured, with a peer beside it where one can be measured in the same run. */

/** Prints a line for a person; the figures themselves go to standard output. */
export type Say = (text: string) => void;

export interface MeasureOptions {
  /** How often each thing is measured; a figure that needs more than one look at it takes the median. */
  readonly rounds: number | undefined;
  readonly say: Say;
}

/** What `npm run bench` prints, one JSON line each. `ratio` is value ÷ peerValue. */
export interface Measured {
  readonly value: number;
  readonly unit: 'ms' | 's' | 'steps/s' | 'M steps/s' | 'M instructions/s' | 'MB';
  readonly peer?: string;
  readonly peerValue?: number;
  /** What the value is made of: each is a line of its own, named `figure/part`. */
  readonly parts?: readonly Part[];
}

export interface Part extends Omit<Measured, 'parts'> {
  readonly part: string;
}

export interface Figure {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Left out where no filter names it. */
  readonly onlyByName?: boolean;
  /** @returns undefined where it cannot be measured here; why not has been said. */
  measure(options: MeasureOptions): Promise<Measured | undefined>;
}

/** A figure and its parts, a line each. */
export function figureLines(name: string, measured: Measured): string[] {
  const parts = measured.parts ?? [];
  return [figureLine(name, measured), ...parts.map((each) => figureLine(`${name}/${each.part}`, each))];
}

export function figureLine(name: string, { value, unit, peer, peerValue }: Measured): string {
  const rounded = (number: number) => Number(number.toPrecision(4));
  return JSON.stringify({
    name,
    value: rounded(value),
    unit,
    ...(peer === undefined ? {} : { peer }),
    ...(peerValue === undefined ? {} : { peerValue: rounded(peerValue), ratio: rounded(value / peerValue) }),
  });
}

/** @throws RangeError where there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new RangeError('there is no median of nothing');
  return (low + high) / 2;
}

/**
 * Measures two things in turn, so that whatever else the machine does meets both; each round starts with the other one.
 * The first pair warms the page cache and does not count.
 */
export async function interleaved(
  rounds: number,
  ours: () => Promise<number>,
  peers: () => Promise<number>,
  onRound: (our: number, peer: number) => void,
): Promise<{ readonly ours: number; readonly peers: number }> {
  const seen = { ours: [] as number[], peers: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const first = round % 2 === 0 ? await ours() : undefined;
    const peer = await peers();
    const our = first ?? (await ours());
    if (round === 0) continue;
    seen.ours.push(our);
    seen.peers.push(peer);
    onRound(our, peer);
  }
  return { ours: median(seen.ours), peers: median(seen.peers) };
}
