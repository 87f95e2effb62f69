#!/usr/bin/env node
// Well behaved: a survey ends with the memory map, and an image is refused.
import { hold, live, print, speakQmp, start, wantsSurvey } from './fake-qemu.js';

speakQmp({
  cont: start(() => {
    if (wantsSurvey()) return print('loadbase: survey end');
    print('loadbase: loading', "error: couldn't find suitable memory target.", 'loadbase: refused');
    hold();
  }),
});
live();
