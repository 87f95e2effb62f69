import t from 'tap';
import { maxReadBytes, maxWriteBytes, parseFeatures } from './features.ts';

t.test('QEMU 7.2’s own words', async (t) => {
  const features = parseFeatures('PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+');
  t.same(features, { packetSize: 0x1000, noAckMode: false, targetDescription: true });
  t.equal(maxReadBytes(features), 0x800);
  t.equal(maxWriteBytes(features, 0x1000n), 0x7fa);
  t.equal(maxWriteBytes(features, 0x1_0000_0000n), 0x7f8);
});

t.test('sizes that are absent or absurd', async (t) => {
  t.equal(parseFeatures('').packetSize, 400);
  t.equal(parseFeatures('PacketSize=1').packetSize, 400);
  t.equal(parseFeatures('PacketSize=ffffffff').packetSize, 0x10000);
  t.equal(parseFeatures('QStartNoAckMode+').noAckMode, true);
});
