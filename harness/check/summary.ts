/** Many results → what a reader wants to know: what holds, and each defect once, with the bases at which it was seen. */
import { GIB, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import type { Finding } from '../sanitizer/finding.ts';
import type { RuleName } from '../sanitizer/rules.ts';
import { holdsAt, visibilityOf, type BaseResult, type CodePlace, type EntryName } from './contract.ts';
import { endingInWords, linkTimeAddress, type LinkedImage } from './ending-words.ts';
import { representative } from './representative.ts';

/** Bases are ascending. */
export interface Where {
  readonly entry: EntryName;
  readonly bases: readonly number[];
  /** Of these: where a console shows that something is wrong, and where the boot goes on as if nothing were. */
  readonly shows: readonly number[];
  readonly silent: readonly number[];
}

/** One of the results. */
export type Example = Pick<BaseResult, 'entry' | 'loadBase' | 'copies'>;

/** One instruction that breaks one rule. */
export interface Defect {
  readonly rule: RuleName;
  /** Of the instruction; linear. */
  readonly linkTime: bigint;
  readonly where: readonly Where[];
  readonly example: Example & { readonly finding: Finding };
}

/** What is wrong, but not with an instruction that the sanitizer saw. */
export interface Failure {
  readonly kind: 'ending' | 'end state' | 'asymmetry';
  /** Of the example. */
  readonly text: string;
  /** Link-time linear addresses: of an ending where it happened, of an asymmetry its first instruction. */
  readonly places: readonly bigint[];
  /** At the first of them. */
  readonly code?: CodePlace;
  readonly where: readonly Where[];
  readonly example: Example;
}

export interface EntrySummary {
  readonly entry: EntryName;
  /** Ascending. */
  readonly tried: readonly number[];
  readonly held: readonly number[];
  /** Instructions, of all bases. */
  readonly executed: number;
  /** Ends that were expected, in words. */
  readonly ends: readonly { readonly text: string; readonly bases: readonly number[] }[];
  /** Whose end state is shown. */
  readonly example: BaseResult | undefined;
}

export interface CheckSummary {
  readonly holds: boolean;
  readonly entries: readonly EntrySummary[];
  /** In the order in which they happen at their examples' bases; of those that come first somewhere, the commonest first. */
  readonly defects: readonly Defect[];
  readonly failures: readonly Failure[];
  /** Known defects, in words; each once, whatever addresses and bytes it names. */
  readonly notes: readonly string[];
}

export function summarise(results: readonly BaseResult[], image: LinkedImage): CheckSummary {
  const entries = [...new Set(results.map(({ entry }) => entry))];
  return {
    holds: results.every(holdsAt),
    entries: entries.map((entry) => entrySummary(entry, results, image)),
    defects: defectsOf(results, image),
    failures: failuresOf(results, image),
    notes: [
      ...grouped(
        results.flatMap(({ notes }) => notes),
        baseless,
      ).values(),
    ].flatMap(([first]) => first ?? []),
  };
}

function entrySummary(entry: EntryName, all: readonly BaseResult[], image: LinkedImage): EntrySummary {
  const results = all.filter((result) => result.entry === entry);
  const held = results.filter(holdsAt);
  const expected = results.filter(({ endsAsExpected }) => endsAsExpected);
  const goesOn = held.filter(({ endState }) => endState.length > 0);
  return {
    entry,
    tried: basesOf(results),
    held: basesOf(held),
    executed: results.reduce((sum, { executed }) => sum + executed, 0),
    ends: [...grouped(expected, (result) => endingInWords(result, image).text)].map(([text, group]) => ({
      text,
      bases: basesOf(group),
    })),
    example: representative(goesOn.length > 0 ? goesOn : results, image.linkBase),
  };
}

interface Seen<T> {
  readonly result: BaseResult;
  readonly what: T;
}

function defectsOf(results: readonly BaseResult[], image: LinkedImage): Defect[] {
  const seen = results.flatMap((result) => result.findings.map((what): Seen<Finding> => ({ result, what })));
  const linkTime = ({ result, what }: Seen<Finding>) =>
    linkTimeAddress(what.instruction.linear, result.loadBase, image, result.copies);
  const groups = grouped(seen, (one) => `${one.what.rule} ${placeKey(linkTime(one), image)}`);
  return [...groups.values()]
    .map((group) => {
      const { result, what } = exampleOf(group, image);
      return {
        rule: what.rule,
        linkTime: linkTime({ result, what }),
        where: whereOf(group),
        example: { ...atOf(result), finding: what },
        order: result.findings.indexOf(what),
      };
    })
    .sort((a, b) => a.order - b.order || basesIn(b) - basesIn(a))
    .map(({ order: _order, ...defect }) => defect);
}

/** What is seen at most bases is likelier the cause. */
function basesIn({ where }: Pick<Defect, 'where'>): number {
  return where.reduce((sum, { bases }) => sum + bases.length, 0);
}

/** `key`: the same for the same failure at another base, beside its first place: of a loop the others are met by chance. */
type FailureText = Pick<Failure, 'kind' | 'text' | 'places' | 'code'> & { readonly key: string };

function failuresOf(results: readonly BaseResult[], image: LinkedImage): Failure[] {
  const seen = results.flatMap((result) =>
    failureTexts(result, image).map((what): Seen<FailureText> => ({ result, what })),
  );
  const groups = grouped(
    seen,
    ({
      what: {
        kind,
        key,
        places: [place],
      },
    }) => [kind, key, ...(place === undefined ? [] : [placeKey(place, image)])].join(' '),
  );
  return [...groups.values()].map((group) => {
    const { result, what } = exampleOf(group, image);
    const { key: _key, ...failure } = what;
    return { ...failure, where: whereOf(group), example: atOf(result) };
  });
}

function failureTexts(result: BaseResult, image: LinkedImage): FailureText[] {
  const { endsAsExpected, endedAt, endState, asymmetries, loadBase, copies } = result;
  const end = endingInWords(result, image);
  return [
    ...(endsAsExpected
      ? []
      : [
          {
            kind: 'ending' as const,
            key: endingKey(result, end.text),
            ...end,
            ...codeOf(endedAt, end.places),
          },
        ]),
    ...endState
      .filter(({ ok }) => !ok)
      .map(({ text }) => ({ kind: 'end state' as const, key: baseless(text), text, places: [] })),
    ...asymmetries.map(({ place, reference, here, instruction, code }) => ({
      kind: 'asymmetry' as const,
      key: place,
      text: `${place} is ${hex(here)} at ${hex(loadBase)}; at the reference base it is ${hex(reference)}`,
      places: instruction === undefined ? [] : [linkTimeAddress(instruction, image.linkBase, image, copies)],
      ...(code === undefined ? {} : { code }),
    })),
  ];
}

/** An end without a place, as one that says its last word, was told in full. */
function codeOf(code: CodePlace | undefined, places: readonly bigint[]): { readonly code?: CodePlace } {
  return code === undefined || places.length === 0 ? {} : { code };
}

/**
 * Where control that went astray stands differs from base to base: one defect all the same. Low memory, where trampolines
 * lie, and high addresses are no matter of the base.
 */
function placeKey(linkTime: bigint, { linkBase, loadSize }: LinkedImage): string {
  const isInImage = linkTime >= BigInt(linkBase) && linkTime < BigInt(linkBase + loadSize);
  const isFixed = linkTime < BigInt(MIB) || linkTime >= BigInt(4 * GIB);
  return isInImage || isFixed ? hex(linkTime) : 'astray';
}

/** How many instructions of a loop are met is chance, too. */
function endingKey({ ending }: BaseResult, text: string): string {
  return ending.kind === 'endless' ? ending.kind : baseless(text);
}

/** Addresses and values differ from base to base where the text is the same. */
function baseless(text: string): string {
  return text.replace(/\b(0x)?(?=[a-f]*\d)[0-9a-f]{5,}/g, '…');
}

function exampleOf<T>(group: readonly Seen<T>[], { linkBase }: LinkedImage): Seen<T> {
  const result = representative(
    group.map((one) => one.result),
    linkBase,
  );
  const found = group.find((one) => one.result === result);
  if (!found) throw new Error('a group is never empty');
  return found;
}

function atOf({ entry, loadBase, copies }: BaseResult): Example {
  return { entry, loadBase, ...(copies ? { copies } : {}) };
}

function whereOf(group: readonly Seen<unknown>[]): Where[] {
  return [...grouped(group, ({ result }) => result.entry)].map(([, seen]) => {
    const results = [...new Set(seen.map(({ result }) => result))];
    const of = (visibility: string) =>
      basesOf(results.filter((result) => visibilityOf(result) === visibility));
    return {
      entry: results[0]!.entry,
      bases: basesOf(results),
      shows: of('shows'),
      silent: of('silent'),
    };
  });
}

function basesOf(results: readonly BaseResult[]): number[] {
  return results.map(({ loadBase }) => loadBase).sort((a, b) => a - b);
}

function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}
