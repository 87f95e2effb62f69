#!/usr/bin/env node
// A whole boot up to the hand-off; then the stub takes the connection and says nothing.
import { handOff, listenForGdb, live, speakQmp } from './fake-qemu.js';

listenForGdb(() => {});
speakQmp({ cont: handOff });
live();
