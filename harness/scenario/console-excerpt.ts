/** The last console lines for a person: without the firmware's memory map, which has a hundred lines and is kept elsewhere. */

const MAP_BEGINS = 'loadbase: memory map';
const MAP_ENDS = 'loadbase: memory map end';
/** What stands for the lines left out. */
const LEFT_OUT = '… (the memory map is in serial.log)';

/** @param lines the last ones of the console; more of them than `count`, so that some are left. */
export function consoleExcerpt(lines: readonly string[], count: number): string[] {
  const ends = lines.lastIndexOf(MAP_ENDS);
  if (ends < 0) return lines.slice(-count);
  const begins = lines.lastIndexOf(MAP_BEGINS, ends - 1);
  const before = begins < 0 ? [] : lines.slice(0, begins + 1);
  return [...before, LEFT_OUT, ...lines.slice(ends)].slice(-count);
}
