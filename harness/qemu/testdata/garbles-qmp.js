#!/usr/bin/env node
// Something else answers on the monitor's socket.
import { live, qmp } from './fake-qemu.js';

qmp.write('HTTP/1.1 400 Bad Request\r\n');
live();
