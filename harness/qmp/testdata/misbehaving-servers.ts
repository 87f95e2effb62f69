import type { Duplex } from 'node:stream';

const GREETING =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2"}, "capabilities": ["oob"]}}\r\n';

/** Answers each command in turn with what `reply` says; undefined is silence. */
function answering(
  server: Duplex,
  reply: (command: { execute: string; id: string }) => string | undefined,
): void {
  let held = '';
  server.on('data', (chunk: Buffer) => {
    const lines = (held + chunk.toString()).split('\n');
    held = lines.pop()!;
    for (const line of lines) {
      const answer = reply(JSON.parse(line) as { execute: string; id: string });
      if (answer !== undefined) server.write(`${answer}\n`);
    }
  });
}

/** Greets and negotiates well; what comes after is up to `then`. */
export function wellBehaved(
  server: Duplex,
  then: (command: { execute: string; id: string }) => string | undefined = () => undefined,
): void {
  server.write(GREETING);
  answering(server, (command) =>
    command.execute === 'qmp_capabilities' ? JSON.stringify({ return: {}, id: command.id }) : then(command),
  );
}

/** One misbehaviour each. */
export const misbehavingServers = {
  silent: () => {},
  garbage: (server: Duplex) => server.write('HTTP/1.1 400 Bad Request\r\n'),
  binaryGarbage: (server: Duplex) => server.write(Buffer.from([0xff, 0xfe, 0x00, 0x0a])),
  jsonButNoObject: (server: Duplex) => server.write('[1]\n'),
  noGreeting: (server: Duplex) => server.write('{"return": {}}\n'),
  greetingWithoutVersion: (server: Duplex) => server.write('{"QMP": {}}\n'),
  closesAtOnce: (server: Duplex) => server.end(),
  halfALineThenCloses: (server: Duplex) => server.end(GREETING.slice(0, 30)),
  overLongLine: (server: Duplex) => server.write('x'.repeat(5000)),
  refusesNegotiation: (server: Duplex) => {
    server.write(GREETING);
    answering(server, ({ id }) => JSON.stringify({ error: { class: 'GenericError', desc: 'no' }, id }));
  },
  neverNegotiates: (server: Duplex) => server.write(GREETING),
} satisfies Record<string, (server: Duplex) => unknown>;
