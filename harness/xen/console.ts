/** What Xen says on its console. Source: xen/common/kernel.c, xen/arch/x86/setup.c, boot/head.S (4.14–4.20). */
import { hex } from '../bits/hex.ts';
import { buildId } from '../elf/build-id.ts';
import { equal, equalText, holds, type Observation } from '../guest/guest-view.ts';
import type { LoadedSubject } from '../subject/loaded-subject.ts';

/** What Xen says last where nobody gave it a dom0. */
const NO_DOM0 = 'dom0 kernel not specified';

/** The same where the first module is no kernel. */
export const DOM0_NOT_BUILT = 'Could not construct domain 0';

/** head.S, efi_multiboot2: the load base is no multiple of 2 MiB (0946068e7f). */
export const MISALIGNED_TEXT = 'ERR: Xen must be loaded at a 2Mb boundary!';

/** The line that begins with this text, after Xen's own prefix. */
export function expectedEndPattern(text = NO_DOM0): RegExp {
  return new RegExp(`^\\(XEN\\) ${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
}

export const XEN_LINES = {
  version: /^\(XEN\) Xen version (\S+)/,
  loadBase: /^\(XEN\) Xen image load base address: 0x([0-9a-f]+)/,
  earlyError: /^ERR: .+!$/,
  panic: /^\(XEN\) Panic on CPU \d+:/,
  noDom0: expectedEndPattern(),
  fault: /^\(XEN\) (?:\*\*\* .* FAULT|FATAL (?:TRAP|PAGE FAULT)|Early fatal page fault)/i,
} as const;

function lineMatching(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  for (const line of lines) {
    const match = pattern.exec(line);
    if (match) return match;
  }
  return undefined;
}

/** What Xen says its version is, e.g. `4.17.6-pre`. */
export function consoleVersion(lines: readonly string[]): string | undefined {
  return lineMatching(lines, XEN_LINES.version)?.[1];
}

/** The image's own build id on the console proves that this file, and no other, is what booted. */
function observeBuildId(lines: readonly string[], { image }: LoadedSubject): Observation[] {
  const wanted = image.elf && buildId(image.elf);
  if (wanted === undefined) return [];
  return [equalText('build id', lineMatching(lines, /^\(XEN\) build-id: ([0-9a-f]+)$/)?.[1], wanted)];
}

/** Xen prints the line only where it was moved. */
function observeLoadBase(base: string | undefined, { physicalStart }: LoadedSubject): Observation {
  if (base !== undefined)
    return equal('Xen image load base address (xen_phys_start)', BigInt(`0x${base}`), physicalStart);
  return holds(
    physicalStart === 0,
    'no “Xen image load base address” line, as at the link base',
    `no “Xen image load base address” line, which must say ${hex(physicalStart)}`,
  );
}

/** The console's own figures, against what the other witnesses saw. `lines` are those of the subject's phase. */
export function observeConsole(lines: readonly string[], subject: LoadedSubject): Observation[] {
  const base = lineMatching(lines, XEN_LINES.loadBase)?.[1];
  const loader = lineMatching(lines, /^\(XEN\) Bootloader: (.*)$/)?.[1];
  const commandLine = lineMatching(lines, /^\(XEN\) Command line: ?(.*)$/)?.[1];
  const version = consoleVersion(lines);
  const { expectedEnd = NO_DOM0 } = subject;
  const end = expectedEndPattern(expectedEnd);
  const ends = lines.filter((line) => end.test(line)).length;
  return [
    holds(version !== undefined, `Xen version ${version}`, 'no “Xen version” line'),
    ...observeBuildId(lines, subject),
    observeLoadBase(base, subject),
    equalText('boot loader', loader, subject.loaderName),
    equalText('command line', commandLine, subject.arguments),
    holds(ends === 1, 'the expected end, once', `the expected end “${expectedEnd}” was seen ${ends} times`),
  ];
}
