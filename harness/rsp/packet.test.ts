import t from 'tap';
import { type PacketItem, PacketParser, decodePayload, encodePacket } from './packet.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
/** Items as text, for comparison. */
const shown = (items: readonly PacketItem[]) =>
  items.map((item) =>
    item.kind === 'packet'
      ? `packet ${item.payload.toString('latin1')}`
      : item.kind === 'bad'
        ? item.reason
        : item.kind,
  );
const parse = (text: string) => shown(new PacketParser().feed(bytes(text)));

t.test('encoding: checksum and escapes', async (t) => {
  // Sums modulo 256 of the payloads' bytes, reckoned by hand; real QEMU takes such packets in rsp-client.test.ts.
  t.equal(encodePacket('?').toString('latin1'), '$?#3f');
  t.equal(encodePacket('qXfer:features:read:target.xml:0,ffb').toString('latin1').slice(-3), '#79');
  t.equal(encodePacket('').toString('latin1'), '$#00');
  t.equal(encodePacket('a#$}*b').toString('latin1').slice(1, -3), 'a}\x03}\x04}]}\nb');
});

t.test('the manual’s run-length example', async (t) => {
  // "0* " stands for "0000": 0x20 - 29 = 3 more.
  t.same(decodePayload(bytes('0* '), 100), bytes('0000'));
  t.same(decodePayload(bytes('a}\x03* b'), 100), bytes('a####b'), 'a repeat of an escaped byte');
});

t.test('broken encodings', async (t) => {
  for (const body of ['a}', '*a', 'a*', 'a*\x1f', 'a*\x7f'])
    t.equal(decodePayload(bytes(body), 100), undefined, body);
  t.equal(decodePayload(bytes('a*~'), 50), undefined, 'longer than allowed');
});

t.test('any bytes survive the way there and back, however they are cut', async (t) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const wire = Buffer.concat([bytes('+'), encodePacket(all), bytes('-'), encodePacket('OK')]);
  for (let size = 1; size < wire.length; size += 3) {
    const parser = new PacketParser();
    const items: PacketItem[] = [];
    for (let at = 0; at < wire.length; at += size) items.push(...parser.feed(wire.subarray(at, at + size)));
    t.same(shown(items), ['ack', `packet ${all.toString('latin1')}`, 'nack', 'packet OK']);
    t.notOk(parser.midPacket);
  }
});

t.test('what a damaged line gives', async (t) => {
  t.same(parse('noise$OK#9aмore+'), ['packet OK', 'ack']);
  t.same(parse('$OK#9b$OK#9A'), ['checksum "9b" instead of 9a', 'packet OK']);
  t.same(parse('$lost$OK#9a'), ['a packet begins within another', 'packet OK']);
  t.same(parse('$*a#8b'), ['a broken escape or repeat']);
});

t.test('a packet without an end is given up', async (t) => {
  const parser = new PacketParser(10);
  t.same(shown(parser.feed(bytes('$123456'))), []);
  t.ok(parser.midPacket);
  t.same(shown(parser.feed(bytes('78901#'))), ['a packet is longer than 10 bytes']);
  t.same(shown(parser.feed(bytes('$OK#9a'))), ['packet OK']);
});
