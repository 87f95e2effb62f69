/** Why a machine cannot be frozen, or a frozen one not be forked, in words for a notice. Pure. */
import { QemuStartError } from '../qemu/launch.ts';
import { NoRoomForRamError, UnsavableError } from '../qemu/machine-state.ts';
import { CacheFolderError } from '../toolchain/build-failed-error.ts';

/** What another frozen machine would end in as well: none need be tried in the same run any more. */
export function endsAllFreezing(error: unknown): error is UnsavableError | CacheFolderError {
  return error instanceof UnsavableError || error instanceof CacheFolderError;
}

/** Nothing about that machine: said once for all of them. */
export function isOfAllMachines(error: unknown): boolean {
  return endsAllFreezing(error) || error instanceof NoRoomForRamError;
}

/** One line. */
export function causeInWords(error: unknown): string {
  if (error instanceof CacheFolderError) return `the cache ${error.directory}: ${error.reason}`;
  if (error instanceof QemuStartError) return startInWords(error);
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** Source: QEMU util/error-report.c: the program's name goes before each message. */
const QEMU_SAYS = /^\S*qemu-system\S*: /;

/** Its logs are those of the next boot by the time that somebody looks. */
function startInWords({ exit, stderr }: QemuStartError): string {
  const how = exit.kind === 'exit' ? `exited with ${exit.code}` : `was ended by ${exit.signal}`;
  const lines = stderr.trim().split('\n');
  const first = lines.find((line) => QEMU_SAYS.test(line)) ?? lines[0] ?? '';
  return `QEMU ${how}: ${first.replace(QEMU_SAYS, '').trim() || 'it said nothing'}`;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, '; ');
}
