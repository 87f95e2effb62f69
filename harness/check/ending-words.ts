/** How a run ended, in words that are the same at every base: places are link-time addresses, named apart. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import { counted } from './base-words.ts';
import type { BaseResult, Ending } from './contract.ts';
import { type ImageCopy, linkTimeOf } from './executed-instructions.ts';

/** Where an image is linked, and how far it reaches. */
export interface LinkedImage {
  readonly linkBase: number;
  /** In memory. */
  readonly loadSize: number;
}

/** Of the image as it lies at this base, and of its copies: where it is linked; any other address is its own. */
export function linkTimeAddress(
  linear: bigint,
  loadBase: number,
  { linkBase, loadSize }: LinkedImage,
  copies: readonly ImageCopy[] = [],
): bigint {
  const place = { linkBase, loadBase, sizeBytes: loadSize, copies };
  // Of bigints only those that numbers hold are physical addresses.
  const linkTime = linear < LARGEST ? linkTimeOf(place, Number(linear)) : undefined;
  return linkTime === undefined ? linear : BigInt(linkTime);
}

const LARGEST = 1n << 52n;

export interface EndingInWords {
  /** A clause whose subject is the boot: `reaches __start_xen`. */
  readonly text: string;
  /** Link-time linear addresses; of a loop its lowest, and those met most, in order of address. */
  readonly places: readonly bigint[];
}

/** Of a loop. */
const PLACES_SHOWN = 4;

export function endingInWords(
  { ending, loadBase, endsAsExpected, copies }: BaseResult,
  image: LinkedImage,
): EndingInWords {
  const linkTime = (linear: bigint) => linkTimeAddress(linear, loadBase, image, copies);
  const but = endsAsExpected ? '' : ', where another end is expected';
  switch (ending.kind) {
    case 'reached':
      return { text: `reaches ${ending.where}${but}`, places: [] };
    case 'said':
      return { text: `says “${ending.text}” and halts${but}`, places: [] };
    case 'unanswered':
      return { text: `asks what no capture answers: ${ending.what}`, places: [linkTime(ending.linear)] };
    case 'stopped':
      return { text: stopInWords(ending.reason), places: [linkTime(ending.linear)] };
    case 'endless':
      return loopInWords(ending, linkTime);
  }
}

function loopInWords(
  { loop }: Extract<Ending, { kind: 'endless' }>,
  linkTime: (linear: bigint) => bigint,
): EndingInWords {
  const [lowest, ...others] = loop;
  const most = others.sort((a, b) => b.times - a.times).slice(0, PLACES_SHOWN - 1);
  const places = [...(lowest ? [lowest] : []), ...most]
    .map(({ linear }) => linkTime(linear))
    .sort((a, b) => (a < b ? -1 : 1));
  const what = loop.length === 1 ? 'on one instruction' : `over ${loop.length} instructions`;
  return { text: `never ends: it loops ${what}`, places };
}

/** Without its place. */
function stopInWords(reason: StopReason): string {
  switch (reason.kind) {
    case 'unknown opcode': {
      const name = reason.mnemonic && ` (${reason.mnemonic})`;
      return `comes to an opcode that the model does not know, ${encodeHex(reason.bytes)}${name}, in ${reason.bitness}-bit code`;
    }
    case 'unknown memory':
      return `reads ${counted(reason.sizeBytes, 'byte')} at ${hex(reason.physical)}, of which no capture says what stands there`;
    case 'watched':
      return `comes to a watched ${reason.what} that nobody watches`;
    case 'left':
      return `goes to ${hex(reason.linear)}, where nothing may run`;
    case 'halted':
      return 'halts without a word';
    case 'triple fault': {
      const code = reason.errorCode === undefined ? '' : `, error code ${hex(reason.errorCode, 1)}`;
      return `dies of a triple fault (first exception ${reason.vector}${code})`;
    }
    case 'unsupported':
      return `does what the model does not do: ${reason.what}`;
    case 'limit':
      return 'goes on beyond its bound';
  }
}
