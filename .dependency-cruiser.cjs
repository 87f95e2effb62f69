// The floors of the house, as one table: which room may import which. A line looks down, never up, and sideways
// only where this table says so. docs/architecture.md draws the same table as a picture.
const rooms = {
  // ground
  bits: [],
  lifetime: [],
  // paper: true by a specification; no clock, no I/O, no async
  elf: ['bits'],
  multiboot2: ['bits', 'elf'],
  x86: ['bits'],
  layout: ['bits'],
  // the x86 model against vectors from elsewhere
  vectors: ['bits', 'x86'],
  // what a check looks at, and what holds of any booted image, whoever it is
  guest: ['bits', 'multiboot2'],
  subject: ['bits', 'elf', 'multiboot2', 'layout', 'guest'],
  probe: ['bits', 'multiboot2'],
  trace: ['bits', 'x86'],
  replay: ['bits', 'x86', 'trace', 'sanitizer'],
  sequences: ['bits', 'x86'],
  // what relocated code must not do, as rules; told of by the model while it runs
  sanitizer: ['bits', 'x86'],
  // what a machine gives early boot: entry state, boot information, answers of firmware and CPU
  profile: ['bits', 'elf', 'multiboot2', 'x86', 'subject', 'trace', 'replay'],
  // wires: each touches exactly one outside thing
  process: ['lifetime'],
  workdir: ['lifetime'],
  qmp: ['lifetime'],
  rsp: ['bits', 'lifetime'],
  serial: ['lifetime'],
  qemu: ['bits', 'lifetime', 'process', 'workdir', 'qmp', 'rsp', 'serial'],
  toolchain: ['lifetime', 'process', 'workdir'],
  sources: ['lifetime', 'process', 'workdir', 'toolchain'],
  specimen: ['bits', 'lifetime', 'process', 'workdir', 'toolchain', 'elf', 'multiboot2'],
  grub: ['bits', 'lifetime', 'process', 'workdir', 'sources', 'toolchain', 'multiboot2'],
  image: ['bits', 'lifetime', 'process', 'workdir', 'layout', 'toolchain', 'grub'],
  xen: [
    'bits',
    'lifetime',
    'process',
    'workdir',
    'sources',
    'toolchain',
    'elf',
    'multiboot2',
    'x86',
    'layout',
    'guest',
    'subject',
  ],
};
// experiments: several wires at once
const wiresAndPaper = Object.keys(rooms);
rooms.boot = wiresAndPaper;
rooms.capture = [...wiresAndPaper, 'boot'];
// no machine: the model alone, at every base
rooms.check = wiresAndPaper;
rooms.oracle = [...wiresAndPaper, 'boot', 'capture'];
// judgement
rooms.scenario = [...wiresAndPaper, 'boot', 'capture'];
rooms.report = ['bits', 'lifetime', 'workdir', 'scenario'];
rooms.doctor = [...wiresAndPaper, 'boot', 'scenario'];
rooms.sabotage = [...wiresAndPaper, 'boot', 'scenario'];
// door
rooms.cli = [...wiresAndPaper, 'boot', 'capture', 'scenario', 'report', 'doctor', 'check'];

// As pure as those, but that a trace is compressed: node:zlib, its synchronous half, and nothing else.
const pureButZlib = ['trace'];
const pure = ['bits', 'elf', 'multiboot2', 'x86', 'layout', 'probe', 'vectors', 'sequences', 'sanitizer'];
const source = (room) => `^harness/${room}/`;

module.exports = {
  forbidden: [
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `floor-${room}`,
      comment: `harness/${room} may import ${allowed.length ? allowed.join(', ') : 'no other room'}.`,
      severity: 'error',
      from: { path: source(room), pathNot: '\\.test\\.ts$|/testdata/' },
      to: {
        path: '^(harness|scenarios|scripts|e2e)/',
        // The door is where the scenarios are known by name.
        pathNot: [...[room, ...allowed].map(source), ...(room === 'cli' ? ['^scenarios/'] : [])],
      },
    })),
    {
      name: 'paper-is-pure',
      comment: 'Pure rooms do no I/O: no Node built-in but node:buffer.',
      severity: 'error',
      from: { path: pure.map(source), pathNot: '\\.test\\.ts$|/testdata/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'paper-is-pure-but-zlib',
      comment: 'No I/O: no Node built-in but node:buffer and node:zlib.',
      severity: 'error',
      from: { path: pureButZlib.map(source), pathNot: '\\.test\\.ts$|/testdata/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|zlib)$' },
    },
    {
      name: 'known-rooms',
      comment: 'Every folder of harness/ stands in the table.',
      severity: 'error',
      from: { path: '^harness/', pathNot: Object.keys(rooms).map(source) },
      to: {},
    },
    { name: 'no-circular', severity: 'error', from: { pathNot: 'node_modules' }, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'scenarios',
      comment: 'A scenario sees the contract and the facts, not the door.',
      severity: 'error',
      from: { path: '^scenarios/' },
      to: { path: '^harness/(cli|report|doctor)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
