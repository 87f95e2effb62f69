import type { Duplex } from 'node:stream';
import t from 'tap';
import { Deadline } from '../lifetime/deadline.ts';
import { poll } from '../lifetime/poll.ts';
import { streamPair } from '../qmp/testdata/stream-pair.ts';
import { encodePacket } from './packet.ts';
import { RspClient } from './rsp-client.ts';
import { CONNECTING, type ScriptedStub, type StubReply, scriptedStub } from './testdata/scripted-stub.ts';

const inTime = () => Deadline.in(20_000);

async function connected(
  replies: (packet: string) => StubReply = () => '',
  timeoutMs = 20_000,
): Promise<{ readonly client: RspClient; readonly stub: Duplex; readonly script: ScriptedStub }> {
  const [ours, stub] = streamPair();
  const script = scriptedStub(stub, (packet) =>
    packet in CONNECTING ? CONNECTING[packet] : replies(packet),
  );
  return { client: await RspClient.connect(ours, { deadline: inTime(), timeoutMs }), stub, script };
}

t.test('stubs that misbehave while connecting', async (t) => {
  const bad = Buffer.from('$OK#00');
  const cases: [what: string, misbehave: (stub: Duplex) => unknown, error: RegExp][] = [
    ['silent', () => {}, /reply to qSupported/],
    ['wrong checksums', (stub) => scriptedStub(stub, () => Buffer.concat([bad, bad, bad, bad])), /checksum/],
    ['refuses every packet', (stub) => stub.on('data', () => stub.write('-')), /refuses every packet/],
    ['closes mid-packet', (stub) => stub.end('$Pack'), /closed within a packet/],
    ['closes at once', (stub) => stub.end(), /reply to qSupported/],
    ['endless packet', (stub) => stub.write('$' + 'x'.repeat(100_000)), /reply to qSupported/],
    [
      'talks unasked',
      (stub) => stub.write(encodePacket('OK').toString() + encodePacket('OK').toString()),
      /nothing that was asked/,
    ],
  ];
  for (const [what, misbehave, error] of cases) {
    const [ours, stub] = streamPair();
    misbehave(stub);
    const waits = what === 'silent' || what === 'endless packet';
    await t.rejects(RspClient.connect(ours, { deadline: waits ? Deadline.in(50) : inTime() }), error, what);
    t.ok(ours.destroyed, `${what}: the stream is given up`);
  }
});

t.test('a damaged packet is asked for again, a refused one sent again', async (t) => {
  const damaged = new Set(['m0,4']);
  const { client, stub, script } = await connected((packet) => {
    if (!packet.startsWith('m')) return 'OK';
    return damaged.delete(packet) ? Buffer.from('$01020304#00') : '01020304';
  });
  stub.on('data', (chunk: Buffer) => chunk.toString() === '-' && stub.write(encodePacket('01020304')));
  t.same(await client.readMemory(0, 4), Buffer.of(1, 2, 3, 4));
  t.ok(script.heard.includes('nack'));

  const refuse = client.setPhysicalMemoryMode(true);
  stub.write('-');
  await refuse;
  t.equal(client.state, 'stopped');
  client.close();
});

t.test('without acknowledgements none are sent, and damage ends the connection', async (t) => {
  const [ours, stub] = streamPair();
  const script = scriptedStub(
    stub,
    (packet) => {
      if (packet.startsWith('qSupported')) return 'PacketSize=1000;QStartNoAckMode+';
      if (packet === 'm0,1') return Buffer.from('$00#00');
      return packet === '?' ? 'S05' : 'OK';
    },
    { acknowledge: false },
  );
  const client = await RspClient.connect(ours, { deadline: inTime() });
  t.same(script.heard.slice(0, 3), [
    'qSupported:swbreak+;hwbreak+;vContSupported+',
    'ack',
    'QStartNoAckMode',
  ]);
  t.equal(script.heard.filter((heard) => heard === 'ack').length, 2);
  await t.rejects(client.readMemory(0, 1), { name: 'RspProtocolError', message: /checksum/ });
  await client.closed;
});

t.test('refusals', async (t) => {
  const { client } = await connected((packet) =>
    packet.startsWith('m') ? 'E22' : packet.startsWith('Z') ? 'what' : '',
  );
  await t.rejects(client.readMemory(0, 1), { name: 'RspErrorReply', packet: 'm0,1', code: 'E22' });
  await t.rejects(client.setPhysicalMemoryMode(true), { name: 'PhysicalModeUnsupportedError' });
  await t.rejects(client.insertHardwareBreakpoint(1n), { name: 'RspProtocolError' });
  await t.rejects(client.removeHardwareBreakpoint(1n), { name: 'RspUnsupportedError', packet: 'z1,1,1' });
  await t.rejects(client.readRegisters(), { name: 'RspUnsupportedError' });
  t.equal(client.state, 'stopped');
  client.close();
});

t.test('memory that is none, more than asked, or without end', async (t) => {
  for (const reply of ['zz', '0', '0000']) {
    const { client } = await connected(() => reply);
    await t.rejects(client.readMemory(0, 1), { name: 'RspProtocolError' }, reply);
    client.close();
  }
  const { client } = await connected((packet) => (packet.startsWith('qXfer') ? `m${'x'.repeat(2000)}` : ''));
  await t.rejects(client.readRegisters(), { message: /target.xml is longer than/ });
  client.close();
  const looped = await connected((packet) =>
    packet.startsWith('qXfer') ? 'l<xi:include href="target.xml"/>' : '',
  );
  await t.rejects(looped.client.readRegisters(), { message: /does not end/ });
  looped.client.close();
});

t.test('a short answer is asked on', async (t) => {
  const { client, script } = await connected((packet) => (packet === 'm10,4' ? '0102' : '0304'));
  t.same(await client.readMemory(0x10n, 4), Buffer.of(1, 2, 3, 4));
  t.ok(script.heard.includes('m12,2'));
  client.close();
});

t.test('questions asked together are answered one after another', async (t) => {
  const { client } = await connected((packet) => (packet === 'm0,1' ? '00' : '01'));
  t.same(await Promise.all([client.readMemory(0, 1), client.readMemory(1, 1)]), [Buffer.of(0), Buffer.of(1)]);
  client.close();
});

t.test('nothing is sent to a running machine but an interrupt', async (t) => {
  const { client, stub, script } = await connected(() => undefined);
  client.continue();
  await poll('c', inTime(), () => script.heard.includes('c') || undefined);
  const heard = script.heard.length;
  await t.rejects(client.readMemory(0, 1), { name: 'RspStateError' });
  await t.rejects(client.readRegisters(), { name: 'RspStateError' });
  await t.rejects(client.detach(), { name: 'RspStateError' });
  t.throws(() => client.continue(), { name: 'RspStateError' });
  await t.rejects(client.step(), { name: 'RspStateError' });
  await t.rejects(client.waitForStop(Deadline.in(20)), { name: 'DeadlineError' });
  t.equal(client.state, 'running');
  t.equal(script.heard.length, heard);
  client.interrupt();
  await poll('interrupt', inTime(), () => script.heard.includes('interrupt') || undefined);
  stub.write(encodePacket('T02thread:01;'));
  t.match(await client.waitForStop(inTime()), { signal: 2 });
  t.match(await client.waitForStop(inTime()), { signal: 2 }, 'told again');
  client.interrupt();
  client.close();
});

t.test('a machine that was never let run is not waited for', async (t) => {
  const { client } = await connected();
  t.match(client.haltReason(), { signal: 5 });
  await t.rejects(client.waitForStop(inTime()), { name: 'RspStateError' });
  t.throws(() => client.interrupt(), { name: 'RspStateError' });
  client.close();
});

t.test('running is refused while a command is under way', async (t) => {
  const { client, script } = await connected(() => undefined);
  const read = client.readMemory(0, 1);
  read.catch(() => undefined);
  t.throws(() => client.continue(), { name: 'RspStateError', message: /command under way/ });
  t.notOk(script.heard.includes('c'));
  client.close();
  await t.rejects(read, { name: 'RspClosedError' });
});

t.test('a stop that answers no question is noted, not mistaken for an answer', async (t) => {
  const { client, stub } = await connected((packet) =>
    packet === 'm0,1' ? Buffer.concat([encodePacket('T02thread:01;'), encodePacket('2a')]) : undefined,
  );
  t.same(await client.readMemory(0, 1), Buffer.of(42));
  t.match(client.haltReason(), { signal: 2 });
  stub.end();
  await client.closed;
  await t.rejects(client.readMemory(0, 1), { name: 'RspClosedError' });
  t.throws(() => client.continue(), { name: 'RspClosedError' });
});

t.test('a reply in the place of a stop reply ends the connection', async (t) => {
  const { client } = await connected((packet) => (packet === 'c' ? 'OK' : undefined));
  client.continue();
  await t.rejects(client.waitForStop(inTime()), { name: 'RspProtocolError', message: /no stop reply/ });
});

t.test('a reply that does not come in time ends the connection', async (t) => {
  const { client } = await connected(() => undefined, 30);
  await t.rejects(client.readMemory(0, 1), { name: 'DeadlineError' });
  await client.closed;
  await t.rejects(client.readMemory(0, 1), { name: 'RspClosedError', cause: { name: 'DeadlineError' } });
});

t.test('the end of QEMU while running', async (t) => {
  const one = await connected((packet) => (packet === 'c' ? 'W00' : undefined));
  one.client.continue();
  t.same(await one.client.waitForStop(inTime()), { kind: 'exited', code: 0 });
  one.client.close();
  const two = await connected(() => undefined);
  two.client.continue();
  const stop = two.client.waitForStop(inTime());
  two.stub.end();
  await t.rejects(stop, { name: 'RspClosedError', message: /before the machine stopped/ });
});

t.test('an acknowledgement comes with the next packet, or with an interrupt', async (t) => {
  const { client, stub, script } = await connected((packet) => (packet === 'c' ? undefined : 'OK'));
  const chunks: string[] = [];
  stub.on('data', (chunk: Buffer) => chunks.push(chunk.toString('latin1')));
  await client.setPhysicalMemoryMode(true);
  await client.setPhysicalMemoryMode(false);
  t.same(
    chunks.map((chunk) => chunk.replace(/#.*/, '')),
    ['+$Qqemu.PhyMemMode:1', '+$Qqemu.PhyMemMode:0'],
  );
  client.continue();
  await poll('the continue packet', inTime(), () => script.heard.includes('c') || undefined);
  client.interrupt();
  await poll('the interrupt', inTime(), () => script.heard.includes('interrupt') || undefined);
  t.equal(chunks.at(-1), '\x03', 'nothing is owed while the machine runs');
  client.close();
});

t.test('what the monitor prints, in pieces', async (t) => {
  const answers = new Map([
    [Buffer.from('info x').toString('hex'), ['O6f6e65', 'O0a74776f', 'OK']],
    [Buffer.from('nonsense').toString('hex'), ['E01']],
  ]);
  const { client } = await connected((packet) =>
    Buffer.concat((answers.get(packet.replace('qRcmd,', '')) ?? ['']).map((reply) => encodePacket(reply))),
  );
  t.equal(await client.monitor('info x'), 'one\ntwo');
  await t.rejects(client.monitor('nonsense'), { name: 'RspErrorReply', code: 'E01' });
  await t.rejects(client.monitor('else'), { name: 'RspUnsupportedError' });
  await t.rejects(client.readMemory(0, 1), { name: 'RspUnsupportedError' });
  client.close();
});

t.test('a connection that ends while the machine runs', async (t) => {
  const { client, stub } = await connected(() => undefined);
  client.continue();
  const stopped = client.waitForStop(inTime());
  stub.end();
  await t.rejects(stopped, { name: 'RspClosedError' });
  await t.rejects(client.waitForStop(inTime()), { name: 'RspClosedError' });
});
