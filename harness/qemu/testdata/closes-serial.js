#!/usr/bin/env node
// The serial port is closed while the machine runs on.
import { live, serial, speakQmp, start } from './fake-qemu.js';

speakQmp({
  cont: start(() => {
    serial.end();
  }),
});
live();
