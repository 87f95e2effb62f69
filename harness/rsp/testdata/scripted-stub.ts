import type { Duplex } from 'node:stream';
import { PacketParser, encodePacket } from '../packet.ts';

export type StubReply = string | Buffer | undefined;

/** What a good stub says when connecting. */
export const CONNECTING: Readonly<Record<string, StubReply>> = {
  'qSupported:swbreak+;hwbreak+;vContSupported+': 'PacketSize=1000;qXfer:features:read+',
  '?': 'T05thread:01;',
};

export interface ScriptedStub {
  /** Every packet, acknowledgement and stray byte that came. */
  readonly heard: string[];
}

/** Answers packets from a table; text is sent as a packet, bytes as they are, undefined is silence. */
export function scriptedStub(
  stream: Duplex,
  replies: Readonly<Record<string, StubReply>> | ((packet: string) => StubReply),
  options: { readonly acknowledge: boolean } = { acknowledge: true },
): ScriptedStub {
  const heard: string[] = [];
  const parser = new PacketParser();
  stream.on('data', (chunk: Buffer) => {
    if (chunk.includes(0x03)) heard.push('interrupt');
    if (stream.writableEnded) return;
    for (const item of parser.feed(chunk)) {
      if (item.kind !== 'packet') {
        heard.push(item.kind);
        continue;
      }
      const packet = item.payload.toString('latin1');
      heard.push(packet);
      if (options.acknowledge) stream.write('+');
      const reply = typeof replies === 'function' ? replies(packet) : replies[packet];
      if (reply !== undefined) stream.write(typeof reply === 'string' ? encodePacket(reply) : reply);
    }
  });
  return { heard };
}
