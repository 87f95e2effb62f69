/**
 * The registers a stub has, from its target description. Source: GDB manual, appendix G "Target Descriptions".
 *
 * Of XML only what QEMU's descriptions use is read: start tags with quoted attributes, and comments, which must be
 * skipped as QEMU comments registers out. No entities, no CDATA, no namespaces beyond the literal `xi:include`.
 */
import { RspProtocolError } from './errors.ts';

/** A register in the reply to `g`. */
export interface RegisterSlot {
  readonly name: string;
  readonly number: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** The start tags of `xml`, in order. */
function* elements(xml: string): Generator<Element> {
  for (let at = xml.indexOf('<'); at >= 0; at = xml.indexOf('<', at)) {
    const comment = xml.startsWith('<!--', at);
    const end = xml.indexOf(comment ? '-->' : '>', at);
    if (end < 0) throw new RspProtocolError('the target description is cut short', xml.slice(at, at + 80));
    const tag = xml.slice(at + 1, end);
    const name = /^[\w:.-]+/.exec(tag)?.[0];
    if (!comment && name !== undefined) {
      const pairs = [...tag.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)];
      yield { name, attributes: new Map(pairs.map(([, key, one, two]) => [key!, one ?? two ?? ''])) };
    }
    at = end;
  }
}

/** The files `xml` includes, in order. */
export function includedFiles(xml: string): string[] {
  return [...elements(xml)]
    .filter(({ name }) => name === 'xi:include')
    .flatMap(({ attributes }) => attributes.get('href') ?? []);
}

/**
 * Where each register stands in the reply to `g`: in the order of their numbers, without gaps. A register without a
 * number has the one after its forerunner's ("Registers").
 * @param files the description's files, each after those before it.
 * @throws RspProtocolError where a register has no name or size.
 */
export function registerSlots(files: readonly string[]): RegisterSlot[] {
  let next = 0;
  const registers = files
    .flatMap((xml) => [...elements(xml)])
    .filter(({ name }) => name === 'reg')
    .map(({ attributes }) => {
      const name = attributes.get('name');
      const bits = Number(attributes.get('bitsize'));
      const number = Number(attributes.get('regnum') ?? next);
      if (name === undefined || !(bits > 0) || bits % 8 !== 0 || !Number.isSafeInteger(number))
        throw new RspProtocolError(
          'a register without name, size or number',
          JSON.stringify([...attributes]),
        );
      next = number + 1;
      return { name, number, sizeBytes: bits / 8 };
    });
  let offsetBytes = 0;
  return registers
    .sort((a, b) => a.number - b.number)
    .map((register) => {
      const slot = { ...register, offsetBytes };
      offsetBytes += register.sizeBytes;
      return slot;
    });
}
