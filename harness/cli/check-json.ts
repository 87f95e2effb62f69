/** A check as JSON, `loadbase.check/1`: all that was seen. Addresses and other 64-bit numbers are hexadecimal text. */
import { hex } from '../bits/hex.ts';
import { basesInWords } from '../check/base-words.ts';
import { holdsAt, visibilityOf, type BaseResult } from '../check/contract.ts';
import type { CheckSummary, Where } from '../check/summary.ts';
import { type Checked, notTriedBecause, triedBases } from './checked.ts';
import { mutantsJson } from './mutant-json.ts';
import { plainJson } from './plain-json.ts';

export function checkJson(checked: Checked): object {
  const { subject, summary, results, durationMs } = checked;
  const { linkBase, loadSize } = subject.image.loaded;
  return {
    schema: 'loadbase.check/1',
    image: {
      ...{ path: subject.imagePath, label: subject.label, sha256: subject.sha256 },
      ...{ linkBase: hex(linkBase), sizeBytes: loadSize },
    },
    verdict: summary.holds ? 'holds' : 'defect',
    durationMs: Math.round(durationMs),
    entries: summary.entries.map((entry) => ({
      entry: entry.entry,
      tried: entry.tried.length,
      held: entry.held.length,
      executed: entry.executed,
      ends: entry.ends.map(({ text, bases }) => ({
        text,
        ...basesJson(bases, basesInWords(bases, triedBases(checked, entry))),
      })),
    })),
    defects: summary.defects.map(({ rule, linkTime, where, example }) => ({
      ...{ rule, linkTime: hex(linkTime) },
      where: where.map((one) => whereJson(one, checked)),
      example: { ...plainJson(example), loadBase: hex(example.loadBase) },
    })),
    failures: summary.failures.map(({ kind, text, places, code, where, example }) => ({
      ...{ kind, text, places: places.map((place) => hex(place)) },
      ...(code ? { code: plainJson(code) } : {}),
      where: where.map((one) => whereJson(one, checked)),
      example: { ...example, loadBase: hex(example.loadBase) },
    })),
    notes: summary.notes,
    ...(checked.mutants ? { mutants: mutantsJson(checked.mutants) } : {}),
    notTried: checked.unserved.map((one) => ({
      entry: one.entry,
      bases: one.bases.map((base) => hex(base)),
      because: notTriedBecause(one),
    })),
    results: results.map(resultJson),
  };
}

function resultJson(result: BaseResult): object {
  return {
    ...plainJson(result),
    loadBase: hex(result.loadBase),
    holds: holdsAt(result),
    ...(holdsAt(result) ? {} : { visibility: visibilityOf(result) }),
  };
}

function whereJson(where: Where, checked: Checked): object {
  const summary = entryOf(where, checked.summary);
  const among = triedBases(checked, summary);
  return {
    entry: where.entry,
    ...basesJson(where.bases, basesInWords(where.bases, among)),
    shows: where.shows.map((base) => hex(base)),
    silent: where.silent.map((base) => hex(base)),
  };
}

function entryOf({ entry }: Where, { entries }: CheckSummary) {
  return entries.find((one) => one.entry === entry) ?? { tried: [] };
}

function basesJson(bases: readonly number[], inWords: string): object {
  return { bases: bases.map((base) => hex(base)), inWords };
}
