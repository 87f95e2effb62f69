#!/usr/bin/env node
// A whole boot up to the hand-off; dies when the stub is talked to.
import { handOff, listenForGdb, speakQmp } from './fake-qemu.js';

listenForGdb((socket) => {
  socket.on('data', () => {
    process.stderr.write('qemu: internal error: assertion failed\n');
    process.exit(134);
  });
});
speakQmp({ cont: handOff });
