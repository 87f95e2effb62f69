/** Xen that no loader has moved moves itself, or says that it cannot. Source: __start_xen in setup.c (4.11 and later). */
import { hex } from '../bits/hex.ts';
import { holds, type Observation } from '../guest/guest-view.ts';
import type { Interval } from '../layout/interval.ts';

const NEW_BASE = /^\(XEN\) New Xen image base address: 0x([0-9a-f]+)/;
/** How Xen's panic begins where there is no room past the image. */
export const NO_ROOM_TO_MOVE = 'Not enough memory to relocate Xen';

/**
 * 0d31d16808: past the image that it copies, or a word; never silence.
 * @param linkBase what Xen calls its base is lower by this much than where its image is.
 */
export function checkSelfMove(lines: readonly string[], source: Interval, linkBase: number): Observation[] {
  const said = lines.flatMap((line) => NEW_BASE.exec(line)?.[1] ?? []);
  const refused = lines.filter((line) => line.startsWith(`(XEN) ${NO_ROOM_TO_MOVE}`)).length;
  const [base] = said;
  if (base === undefined || said.length + refused !== 1)
    return [
      holds(
        base === undefined && refused === 1,
        'Xen says that it has no room to move itself',
        `Xen says ${said.length} new places and ${refused} times that there is no room, not one of them once`,
      ),
    ];
  const place = Number.parseInt(base, 16) + linkBase;
  return [
    holds(
      place >= source.end,
      `Xen has moved itself to ${hex(place)}, past ${hex(source.end)}`,
      `Xen has moved itself to ${hex(place)}, over its own image that ends at ${hex(source.end)}`,
    ),
  ];
}
