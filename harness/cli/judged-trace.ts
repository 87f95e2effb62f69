/** What `loadbase replay --sanitize` adds to a replay: the rules of `loadbase check`, and what a real boot did against them. */
import { linkTimeAddress } from '../check/ending-words.ts';
import type { Knowledge } from '../check/knowledge.ts';
import { knowledgeOf } from '../check/knowledge-of.ts';
import { linkedImageOf, SanitizedTrace, type WatchedCode } from '../check/sanitized-trace.ts';
import type { ReplayEnd } from '../replay/replay.ts';
import type { ReporterTarget } from '../report/reporter.ts';
import { ImageSymbolsError } from '../subject/image-symbols.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import type { TraceReader } from '../trace/trace-reader.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { CheckPlaces, type PlacedImage } from './check-places.ts';
import { Page } from './check-page.ts';
import { findingLines, type PlacedFinding, placeName, ruleText, touchedText } from './finding-lines.ts';
import type { FoundImage } from './image-for-trace.ts';
import { plainJson } from './plain-json.ts';

/** Of one trace, with the code around them; then a line each. The rest is in the JSON. */
const [SHOWN, TOLD] = [4, 6];

export interface Judgement {
  /** In the order in which they were met first. */
  readonly findings: readonly PlacedFinding[];
  readonly places: CheckPlaces;
}

/** A trace whose replay is to be run, and then judged. @throws TraceError */
export function sanitizedTrace(trace: TraceReader, found: FoundImage, code: WatchedCode): SanitizedTrace {
  return new SanitizedTrace(
    trace,
    found.bytes,
    knowledgeFor(trace.header, found, code.store.disassembler),
    code,
  );
}

function knowledgeFor(header: TraceHeader, { symbols }: FoundImage, disassembler: Disassembler): Knowledge {
  const loaded = linkedImageOf(header);
  if (header.subject.name !== 'xen') return knowledgeOf({ subject: 'kernel', loaded, symbols }, disassembler);
  try {
    return knowledgeOf({ subject: 'xen', loaded, symbols }, disassembler);
  } catch (error) {
    if (!(error instanceof ImageSymbolsError)) throw error;
    // What an image itself has of symbols may be less than its xen-syms.
    return knowledgeOf({ subject: 'xen', loaded, symbols: undefined }, disassembler);
  }
}

/** @param end of its replay @throws TraceError */
export async function judge(
  sanitized: SanitizedTrace,
  end: ReplayEnd,
  { header }: TraceReader,
  found: FoundImage,
  disassembler: Disassembler,
): Promise<Judgement> {
  const { loadBase } = header.subject;
  const loaded = linkedImageOf(header);
  const findings = sanitized.findings(end).map((finding) => {
    return { finding, loadBase, linkTime: linkTimeAddress(finding.instruction.linear, loadBase, loaded) };
  });
  const asked = findings.map(({ linkTime }) => linkTime);
  return { findings, places: await CheckPlaces.of(placedImage(header, found), disassembler, asked) };
}

/** As the header tells where its parts are: what a trace embeds need not be an image that we can read. */
function placedImage({ subject }: TraceHeader, { bytes, symbols, symbolsPath }: FoundImage): PlacedImage {
  const { linkBase, loadBase } = subject;
  const segments = subject.segments.map(({ physicalAddress, imageOffset, fileSizeBytes }) => ({
    paddr: BigInt(physicalAddress - loadBase + linkBase),
    offset: imageOffset,
    filesz: fileSizeBytes,
  }));
  const loaded = { ...linkedImageOf({ subject }), segments };
  return { image: { bytes, loaded }, symbols, symbolsPath };
}

/** Below the line that says how the replay went. */
export function judgementLines({ findings, places }: Judgement, target: ReporterTarget): string[] {
  const page = new Page(target, '  ');
  if (findings.length === 0) page.say('✓ no rule is broken', { paint: page.colours.green });
  for (const finding of findings.slice(0, SHOWN)) {
    findingLines(page, finding, places);
    page.gap();
  }
  for (const { finding, loadBase, linkTime } of findings.slice(SHOWN, SHOWN + TOLD)) {
    const touched = touchedText(finding, { loadBase }, places);
    page.say(`${placeName(linkTime, places)}: ${ruleText(finding.rule)}: ${touched}`, { lead: '✗ ' });
  }
  const more = findings.length - SHOWN - TOLD;
  if (more > 0) page.say(`… and ${more} more; --json has all`);
  return page.lines;
}

export function judgementJson({ findings, places }: Judgement): object[] {
  return findings.map(({ finding, linkTime }) =>
    plainJson({
      ...finding,
      says: ruleText(finding.rule),
      linkTime,
      symbol: places.symbol(linkTime) ?? null,
      sourceLine: places.sourceLine(linkTime) ?? null,
    }),
  );
}
