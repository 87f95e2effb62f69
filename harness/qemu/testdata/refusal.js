/** A loader that is well behaved: a survey ends with the memory map, and an image is refused. */
import { hold, print, start, wantsSurvey } from './fake-qemu.js';

export const refusal = start(() => {
  if (wantsSurvey()) return print('loadbase: survey end');
  print('loadbase: loading', "error: couldn't find suitable memory target.", 'loadbase: refused');
  hold();
});
